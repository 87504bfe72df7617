package cgroups

import (
	"path/filepath"
	"slices"
	"testing"
)

func TestNestedGroupsAreCounted(t *testing.T) {
	t.Parallel()
	g := fakeGroup(t, map[string]string{
		"cgroup.procs":     "11\n12\n",
		"a/cgroup.procs":   "",
		"a/b/cgroup.procs": "13\n",
	})
	pids, err := g.PIDs()
	slices.Sort(pids)
	if err != nil || !slices.Equal(pids, []int{11, 12, 13}) {
		t.Errorf("PIDs() = %v, %v, want 11, 12, 13", pids, err)
	}
}

func TestKillIsOneWrite(t *testing.T) {
	t.Parallel()
	// The pid is one that must not be signalled: this test's own parent.
	g := fakeGroup(t, map[string]string{"cgroup.kill": "", "cgroup.procs": "1\n"})
	if err := g.Kill(); err != nil {
		t.Fatal(err)
	}
	if got := content(t, filepath.Join(g.dir, "cgroup.kill")); got != "1" {
		t.Errorf("cgroup.kill got %q, want 1", got)
	}
}

func TestKillWithoutTheKernelsKillSignalsEachProcess(t *testing.T) {
	t.Parallel()
	victim := sleeper(t)
	g := fakeGroup(t, map[string]string{"cgroup.freeze": "0"})
	put(t, filepath.Join(g.dir, "cgroup.procs"), itoa(victim.Process.Pid)+"\n")
	if err := g.Kill(); err != nil {
		t.Fatal(err)
	}
	if state := endOf(victim); state != "signal: killed" {
		t.Errorf("the process ended with %q, want it killed", state)
	}
	if got := content(t, filepath.Join(g.dir, "cgroup.freeze")); got != "0" {
		t.Errorf("cgroup.freeze was left at %q, want it thawed", got)
	}
}

func TestKillThatIsRefusedSignalsEachProcess(t *testing.T) {
	t.Parallel()
	victim := sleeper(t)
	// Directories cannot be written to, as no file of a file system that is read-only by now.
	g := fakeGroup(t, map[string]string{"cgroup.kill/x": "", "cgroup.freeze/x": "", "cgroup.procs": itoa(victim.Process.Pid) + "\n"})
	if err := g.Kill(); err != nil {
		t.Fatal(err)
	}
	if state := endOf(victim); state != "signal: killed" {
		t.Errorf("the process ended with %q, want it killed", state)
	}
}

func TestAbsentGroupIsNoError(t *testing.T) {
	t.Parallel()
	g := &Group{dir: filepath.Join(t.TempDir(), "gone")}
	if err := g.Kill(); err != nil {
		t.Errorf("Kill() = %v", err)
	}
	if busy, err := g.Populated(); busy || err != nil {
		t.Errorf("Populated() = %v, %v", busy, err)
	}
	if err := g.WaitEmpty(t.Context()); err != nil {
		t.Errorf("WaitEmpty() = %v", err)
	}
	if pids, err := g.PIDs(); len(pids) != 0 || err != nil {
		t.Errorf("PIDs() = %v, %v", pids, err)
	}
	if err := g.Remove(t.Context()); err != nil {
		t.Errorf("Remove() = %v", err)
	}
}

func TestRefusedTextIsInTheError(t *testing.T) {
	t.Parallel()
	g := fakeGroup(t, nil)
	err := g.Add(123)
	want := `open ` + g.dir + `/cgroup.procs to write "123": no such file or directory`
	if err == nil || err.Error() != want {
		t.Errorf("Add(123) = %v, want %s", err, want)
	}
}

func TestGarbledKernelFileIsAnError(t *testing.T) {
	t.Parallel()
	g := fakeGroup(t, map[string]string{"cgroup.events": "frozen 0\n", "cgroup.procs": "x\n"})
	if _, err := g.Populated(); err == nil {
		t.Error("Populated() took a file without the line")
	}
	if _, err := g.PIDs(); err == nil {
		t.Error("PIDs() took a pid that is none")
	}
}
