package cgroups

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

func TestKernelAccountsWhatEveryProcessHasUsed(t *testing.T) {
	t.Parallel()
	g := create(t, realTree(t), "worker-1")
	// A busy loop in a grandchild that nobody waits for.
	cmd, begin := strangers(t, g, "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done")
	before, err := g.Account()
	if err != nil {
		t.Fatal(err)
	}
	begin()
	pids, err := g.Others(cmd.Process.Pid)
	if err != nil || len(pids) != 1 {
		t.Fatalf("Others = %v, %v, want the grandchild", pids, err)
	}
	want := runTime(t, pids[0])
	after, err := g.Account()
	if got := after.CPU - before.CPU; err != nil || got < want || got > want+want/5+20*time.Millisecond {
		t.Errorf("Account counts %v, %v; the grandchild has used %v", got, err, want)
	}
}

// runTime is what the one thread of a process has used, as the scheduler counts it.
func runTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err != nil {
		t.Fatal(err)
	}
	var used int64
	if _, err := fmt.Sscan(string(text), &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used)
}

func TestOnlyTheOthersAreKilled(t *testing.T) {
	t.Parallel()
	g := create(t, realTree(t), "worker-1")
	worker := family(t, g)
	pids, err := g.Others(worker.Process.Pid)
	if err != nil || len(pids) == 0 {
		t.Fatalf("Others = %v, %v, want the grandchild", pids, err)
	}
	killed, err := g.KillOthers(bounded(t), worker.Process.Pid)
	if err != nil || killed != len(pids) {
		t.Errorf("KillOthers = %d, %v, want %d", killed, err, len(pids))
	}
	if left, err := g.Others(); err != nil || !slices.Equal(left, []int{worker.Process.Pid}) {
		t.Errorf("left are %v, %v, want %d alone", left, err, worker.Process.Pid)
	}
	if text, err := read(g.dir, "cgroup.freeze"); err != nil || text != "0\n" {
		t.Errorf("cgroup.freeze is %q, %v", text, err)
	}
}

// forks forks without end, each process soon after the one before it has done so, until
// somebody kills all of them at once.
const forks = `import os, sys, time
sys.stdin.readline()
if os.fork() == 0:
    os.setsid()
    print("running", flush=True)
    while True:
        if os.fork():
            os._exit(0)
time.sleep(300)
`

func TestNobodyForksAheadOfTheKill(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	for _, way := range []struct {
		name string
		kill func(*Group, int) error
		left int
	}{
		{"all but one", func(g *Group, keep int) error { _, err := g.KillOthers(bounded(t), keep); return err }, 1},
		{"cgroup.kill", func(g *Group, _ int) error { return errors.Join(g.Kill(), g.WaitEmpty(bounded(t))) }, 0},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			g := create(t, realTree(t), "worker-1")
			cmd := exec.Command(python, "-c", forks)
			in, inErr := cmd.StdinPipe()
			out, outErr := cmd.StdoutPipe()
			if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
			if err := g.Add(cmd.Process.Pid); err != nil {
				t.Fatal(err)
			}
			in.Write([]byte("\n"))
			if line, err := bufio.NewReader(out).ReadString('\n'); line != "running\n" {
				t.Fatalf("the process said %q, %v", line, err)
			}
			if err := way.kill(g, cmd.Process.Pid); err != nil {
				t.Fatal(err)
			}
			left, err := g.Others()
			if err != nil || len(left) > way.left {
				t.Errorf("left are %v, %v, want %d", left, err, way.left)
			}
			if way.left == 1 && ended(cmd.Process.Pid) {
				t.Error("the one to be kept has ended")
			}
		})
	}
}

func TestThousandKilledGroupsLeaveNone(t *testing.T) {
	t.Parallel()
	tree := realTree(t)
	before := tree.Count()
	var children [50]*exec.Cmd
	for range 1000 / len(children) {
		var groups [len(children)]*Group
		for i := range children {
			g, err := tree.Create("worker-" + itoa(i))
			if err != nil {
				t.Fatal(err)
			}
			groups[i], children[i] = g, sleeper(t)
			if err := g.Add(children[i].Process.Pid); err != nil { // one behind the other they cost little
				t.Fatal(err)
			}
		}
		for i, g := range groups {
			if err := g.Kill(); err != nil {
				t.Fatal(err)
			}
			endOf(children[i])
			if err := errors.Join(g.WaitEmpty(bounded(t)), g.Remove(bounded(t))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if after := tree.Count(); after != before {
		t.Errorf("there are %d groups, before there were %d", after, before)
	}
}
