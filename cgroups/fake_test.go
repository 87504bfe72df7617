package cgroups

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// fakeGroup is a directory with the given kernel files.
func fakeGroup(t *testing.T, files map[string]string) *Group {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		put(t, filepath.Join(dir, name), text)
	}
	return &Group{dir: dir}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fakeProc is a procfs in which process pid is in group, and cgroup2 is mounted
// at mount.
func fakeProc(t *testing.T, pid int, group, mount string) string {
	t.Helper()
	proc := t.TempDir()
	put(t, filepath.Join(proc, strconv.Itoa(pid), "cgroup"), "4:memory:/elsewhere\n0::"+group+"\n")
	put(t, filepath.Join(proc, "self", "mountinfo"),
		"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n41 31 0:38 / "+mount+" rw,relatime shared:9 - cgroup2 cgroup2 rw\n")
	return proc
}

// sleeper is a process of ours that lives until it is killed.
func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "300")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

// endedPID is the pid of a process that is gone.
func endedPID(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}
