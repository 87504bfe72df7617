package tests

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// held is a task that runs until the test lets it go, and a client that waits
// for its end.
type held struct {
	*client
	path, gate string
}

// hold submits such a task and waits until it runs.
func (d *daemon) hold(uuid string, more ...string) *held {
	d.t.Helper()
	h := d.submitHeld(uuid, more...)
	waitFile(d.t, h.path, 1)
	return h
}

// submitHeld submits such a task and does not wait.
func (d *daemon) submitHeld(uuid string, more ...string) *held {
	d.t.Helper()
	path, gate := d.file(uuid+".log"), d.file(uuid+".gate")
	args := []string{"run", "app.tasks.hold", "--uuid", uuid, "--wait", "--output", "yaml", "--arg", quoted(path), "--arg", quoted(gate)}
	return &held{d.background(append(args, more...)...), path, gate}
}

// deafen runs a task that swallows every soft cancel, and waits until it runs.
func (d *daemon) deafen(uuid string, more ...string) *held {
	d.t.Helper()
	path := d.file(uuid + ".log")
	args := []string{"run", "app.tasks.deaf", "--uuid", uuid, "--wait", "--output", "yaml", "--arg", quoted(path)}
	h := &held{d.background(append(args, more...)...), path, ""}
	waitFile(d.t, path, 1)
	return h
}

// letGo lets the task end.
func (h *held) letGo() {
	h.t.Helper()
	if err := os.WriteFile(h.gate, nil, 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// wantLines compares what the task has noted.
func (h *held) wantLines(want ...string) {
	h.t.Helper()
	text, err := os.ReadFile(h.path)
	if got := strings.TrimSpace(string(text)); err != nil || got != strings.Join(want, "\n") {
		h.t.Errorf("the task has noted %q, want %q (%v)", got, want, err)
	}
}

func quoted(text string) string { return `"` + text + `"` }

// client is a dispatcherctl that runs beside the test.
type client struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer // read after done
	done           chan struct{}
}

// background starts dispatcherctl.
func (d *daemon) background(args ...string) *client {
	d.t.Helper()
	return d.inTerminal(nil, args...)
}

// inTerminal does the same with a terminal for its standard error.
func (d *daemon) inTerminal(on *screen, args ...string) *client {
	d.t.Helper()
	c := &client{t: d.t, done: make(chan struct{})}
	c.cmd = exec.Command(filepath.Join(programs, "dispatcherctl"), append([]string{"--socket", d.socket}, args...)...)
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, &c.stderr
	if on != nil {
		c.cmd.Stderr = on.program
	}
	if err := c.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	go func() {
		defer close(c.done)
		_ = c.cmd.Wait() // the exit code says it
	}()
	d.t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // it has usually ended
		<-c.done
	})
	return c
}

// answer waits for the end of the client.
func (c *client) answer() answer {
	c.t.Helper()
	select {
	case <-c.done:
	case <-time.After(bound):
		c.t.Fatalf("dispatcherctl %q does not end", c.cmd.Args[1:])
	}
	return answer{c.stdout.String(), c.stderr.String(), c.cmd.ProcessState.ExitCode()}
}

// waits says whether the client has not ended yet.
func (c *client) waits() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// wantEnd waits for the client and compares what it printed of the task's end.
func (c *client) wantEnd(code int, texts ...string) {
	c.t.Helper()
	a := c.answer()
	if a.code != code {
		c.t.Errorf("dispatcherctl ended with %d, want %d\n%s%s", a.code, code, a.stdout, a.stderr)
	}
	for _, want := range texts {
		if !strings.Contains(a.stdout, want) {
			c.t.Errorf("no %q in:\n%s%s", want, a.stdout, a.stderr)
		}
	}
}
