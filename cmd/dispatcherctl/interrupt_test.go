package main

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// While a task is waited for, there is no output to wait for but the uuid.
func TestInterruptEndsTheWaitingNotTheTask(t *testing.T) {
	t.Parallel()
	d, err := startFake(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.stop()
	if err := os.Mkdir(filepath.Join(d.dir, "replies"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.dir, "replies", "run"), []byte(`{"ack": {}}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dispatcherctl", "--socket", d.path, "run", "app.tasks.long", "--uuid", "u-1", "--wait")
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	uuid, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || uuid != "u-1\n" {
		t.Errorf("stdout = %q, %v, want the uuid", uuid, err)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("dispatcherctl ended with %v, want exit code 130", err)
	}
	if got := strings.TrimSpace(stderr.String()); got != "dispatcherctl: interrupted; task u-1 goes on" {
		t.Errorf("stderr = %q", got)
	}
}
