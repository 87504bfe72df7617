package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// proc is what /proc says of a process.
type proc struct {
	pid, parent int
	state       string // "Z" for one that has ended and was not waited for
	started     int    // clock ticks after the machine
	command     string // its arguments, with spaces between them
}

// readProc returns false for a process that is gone.
func readProc(pid int) (proc, bool) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return proc{}, false
	}
	// The name, in parentheses, may hold anything.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	parent, parentErr := strconv.Atoi(fields[1])
	started, startedErr := strconv.Atoi(fields[19])
	command, _ := os.ReadFile(filepath.Join(dir, "cmdline")) // it may end any time
	words := strings.Split(strings.TrimSuffix(string(command), "\x00"), "\x00")
	return proc{pid, parent, fields[0], started, strings.Join(words, " ")}, parentErr == nil && startedErr == nil
}

// living says whether a process is there and has not ended.
func living(pid int) bool {
	p, ok := readProc(pid)
	return ok && p.state != "Z"
}

// children lists the living children of a process, oldest first.
func children(pid int) (found []proc) {
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, e := range entries {
		number, _ := strconv.Atoi(filepath.Base(e))
		if p, ok := readProc(number); ok && p.parent == pid && p.state != "Z" {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b proc) int { return a.started - b.started })
	return found
}

// waitGone waits until a process has ended.
func waitGone(t *testing.T, what string, pid int) {
	t.Helper()
	waitFor(t, fmt.Sprintf("the end of %s (process %d)", what, pid), func() bool { return !living(pid) })
}

// send sends a signal to a process that must be there.
func send(t *testing.T, what string, pid int, sig syscall.Signal) {
	t.Helper()
	if pid <= 0 || !living(pid) {
		t.Fatalf("%s (process %d) is not there to get %v", what, pid, sig)
	}
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatalf("send %v to %s (process %d): %v", sig, what, pid, err)
	}
}

// kill ends a process with -9 and waits until it has ended.
func kill(t *testing.T, what string, pid int) {
	t.Helper()
	send(t, what, pid, syscall.SIGKILL)
	waitGone(t, what, pid)
}

// supervisor returns the daemon's supervisor, as soon as it is there.
func (d *daemon) supervisor() int {
	d.t.Helper()
	var all []proc
	waitFor(d.t, "the supervisor", func() bool {
		all = children(d.pid())
		return len(all) == 1 && strings.Contains(all[0].command, "dispatcherd supervisor")
	})
	return all[0].pid
}

// forkServer returns the process that the supervisor forks workers from.
func (d *daemon) forkServer() int {
	d.t.Helper()
	supervisor := d.supervisor()
	var all []proc
	waitFor(d.t, "the fork server", func() bool {
		// Workers have its command line; it is the one that is no worker.
		workers := d.workerPIDs()
		all = slices.DeleteFunc(children(supervisor), func(p proc) bool { return slices.Contains(workers, p.pid) })
		return len(all) == 1
	})
	return all[0].pid
}

// ask sends a control request and returns the reply.
func (d *daemon) ask(command string) map[string]any {
	d.t.Helper()
	a := d.ctl(command, "--output", "json")
	var replies []map[string]any
	decode(d.t, a.stdout, &replies)
	if len(replies) != 1 || a.code != 0 {
		d.t.Fatalf("%s: exit code %d\n%s%s", command, a.code, a.stdout, a.stderr)
	}
	return replies[0]
}

// decode reads what dispatcherctl has printed as JSON.
func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
}

// workerPIDs lists the processes of the workers that have not ended, in the order of their numbers.
func (d *daemon) workerPIDs() (pids []int) {
	d.t.Helper()
	reply := d.ask("workers")
	for n := range 1000 {
		w, _ := reply[fmt.Sprintf("worker-%d", n)].(map[string]any)
		if pid, ok := w["pid"].(float64); ok && w["exit"] == nil {
			pids = append(pids, int(pid))
		}
	}
	return pids
}

// figure returns a number of the reply to status, such as "pool", "busy".
func (d *daemon) figure(path ...string) int {
	d.t.Helper()
	var v any = d.ask("status")
	for _, key := range path {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	n, _ := v.(float64) // an outcome that there was not yet is not listed
	return int(n)
}

// inCgroups says whether the daemon's workers are in cgroups, as soon as it knows.
func (d *daemon) inCgroups() bool {
	d.t.Helper()
	d.waitLog("connected to the supervisor")
	reply := d.ask("status")
	supervisor, _ := reply["supervisor"].(map[string]any)
	switch supervisor["isolation"] {
	case "cgroup":
		return true
	case "process group":
		return false
	}
	d.t.Fatalf("status does not say how workers are held: %v", supervisor)
	return false
}
