package cgroups

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var serial atomic.Int64

// realTree is a tree of the kernel's. A process that only sleeps stands for the
// supervisor, so that tests can run side by side.
func realTree(t *testing.T) *Tree {
	t.Helper()
	return openReal(t, "cgroups-test-"+itoa(os.Getpid())+"-"+itoa(int(serial.Add(1))))
}

func openReal(t *testing.T, name string) *Tree {
	t.Helper()
	probe(t)
	tree, err := open("/proc", name, sleeper(t).Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // t.Context has ended
		defer cancel()
		if err := tree.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		if _, err := os.Stat(tree.dir); !os.IsNotExist(err) && !tree.delegated() {
			t.Errorf("%s was left behind", tree.dir)
		}
	})
	return tree
}

// probe skips the test where no cgroup v2 tree can be written to.
func probe(t *testing.T) {
	t.Helper()
	home, err := locate("/proc", os.Getpid())
	if err != nil {
		t.Skipf("no cgroup v2: %v", err)
	}
	if err := unix.Access(filepath.Join(home, "cgroup.procs"), unix.W_OK); err != nil {
		t.Skipf("no cgroup v2 tree that can be written to: %s: %v", home, err)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func create(t *testing.T, tree *Tree, name string) *Group {
	t.Helper()
	g, err := tree.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(g.Kill(), g.WaitEmpty(context.Background()), g.Remove(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return g
}

// family starts a shell in the group that has a grandchild in a session of its
// own, orphaned by its parent, and waits until both are there.
func family(t *testing.T, g *Group) *exec.Cmd {
	t.Helper()
	cmd, begin := strangers(t, g, ":")
	begin()
	return cmd
}

// strangers is family, whose grandchild does not begin before begin is called, and runs the
// script first. begin returns when that is done.
func strangers(t *testing.T, g *Group, script string) (cmd *exec.Cmd, begin func()) {
	t.Helper()
	cmd = exec.Command("sh", "-c", `read go; (setsid sh -c '`+script+`; echo up; exec sleep 300' &); exec sleep 300`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if err := g.Add(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	return cmd, func() {
		t.Helper()
		in.Write([]byte("\n"))
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
			t.Fatalf("the grandchild said %q, %v", line, err)
		}
	}
}

func TestKillTakesDetachedGrandchildrenAlong(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name string
		kill func(*Group) error
	}{
		{"cgroup.kill", (*Group).Kill},
		{"freeze and signal", (*Group).killEach},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			g := create(t, realTree(t), "worker-1")
			cmd := family(t, g)
			pids, err := g.PIDs()
			if err != nil || len(pids) < 2 || !slices.Contains(pids, cmd.Process.Pid) {
				t.Fatalf("PIDs() = %v, %v, want the shell and its grandchild", pids, err)
			}
			if err := way.kill(g); err != nil {
				t.Fatal(err)
			}
			if err := g.WaitEmpty(bounded(t)); err != nil {
				t.Fatal(err)
			}
			if pids, err := g.PIDs(); len(pids) != 0 || err != nil {
				t.Errorf("PIDs() after the end = %v, %v", pids, err)
			}
			if err := g.Remove(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNestedGroupsAreKilledAndRemoved(t *testing.T) {
	t.Parallel()
	g := create(t, realTree(t), "worker-1")
	for _, below := range []string{"a", "a/b", "c"} {
		nested := &Group{dir: filepath.Join(g.dir, below)}
		if err := os.Mkdir(nested.dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := nested.Add(sleeper(t).Process.Pid); err != nil {
			t.Fatal(err)
		}
	}
	if pids, err := g.PIDs(); err != nil || len(pids) != 3 {
		t.Fatalf("PIDs() = %v, %v, want three", pids, err)
	}
	if err := g.Remove(t.Context()); !errors.Is(err, unix.EBUSY) {
		t.Errorf("Remove of a group with processes = %v, want EBUSY", err)
	}
	if err := errors.Join(g.Kill(), g.WaitEmpty(bounded(t)), g.Remove(t.Context())); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(g.dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", g.dir, err)
	}
}

func TestWaitEmptyWakesWhenTheLastProcessEnds(t *testing.T) {
	t.Parallel()
	g := create(t, realTree(t), "worker-1")
	cmd := sleeper(t)
	if err := g.Add(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	w, err := watchEvents(g.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if busy, ok, err := w.value("populated"); busy != 1 || !ok || err != nil {
		t.Fatalf("populated is %v, %v, %v, want a process", busy, ok, err)
	}
	woken := make(chan error, 1)
	go func() { woken <- w.change() }()
	cmd.Process.Kill()
	if err := <-woken; err != nil {
		t.Fatal(err)
	}
	if err := g.WaitEmpty(bounded(t)); err != nil {
		t.Fatal(err)
	}
}

func TestWaitEmptyEndsWithItsContext(t *testing.T) {
	t.Parallel()
	g := create(t, realTree(t), "worker-1")
	if err := g.Add(sleeper(t).Process.Pid); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := g.WaitEmpty(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), g.dir) {
		t.Errorf("WaitEmpty = %v, want the deadline and the group's name", err)
	}
}

func TestSweepEndsWhatAnEarlierOwnerLeft(t *testing.T) {
	t.Parallel()
	tree := realTree(t)
	worker := family(t, create(t, tree, "worker-1"))
	create(t, tree, "worker-2")
	swept, err := tree.Sweep(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	if swept.Killed < 2 || len(swept.Removed) != 2 {
		t.Errorf("Sweep = %+v, want two processes or more and two groups", swept)
	}
	if state := endOf(worker); state != "signal: killed" {
		t.Errorf("the worker ended with %q", state)
	}
	if pids, err := readPIDs(filepath.Join(tree.dir, ownLeaf)); err != nil || len(pids) != 1 {
		t.Errorf("the supervisor's own leaf holds %v, %v, want it untouched", pids, err)
	}
}

func TestSweepLeavesWhatTheServiceManagerHasMade(t *testing.T) {
	t.Parallel()
	tree := realTree(t)
	control := filepath.Join(tree.dir, ".control") // where a command of the unit's runs
	if err := os.Mkdir(control, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Rmdir(control) })
	if swept, err := tree.Sweep(bounded(t)); err != nil || len(swept.Removed) != 0 {
		t.Errorf("Sweep = %+v, %v, want nothing found", swept, err)
	}
	if _, err := os.Stat(control); err != nil {
		t.Errorf("the service manager's group: %v", err)
	}
}

func endOf(cmd *exec.Cmd) string { cmd.Wait(); return cmd.ProcessState.String() }

func TestSweepRemovesEmptyTreesOfEndedDaemonsOnly(t *testing.T) {
	t.Parallel()
	tree := realTree(t)
	tree.home = tree.dir // the siblings are laid out in a place that is this test's own
	tree.dir = filepath.Join(tree.home, "dispatcherd-test")
	defer func() { tree.dir, tree.home = tree.home, filepath.Dir(tree.home) }()

	empty := create(t, tree.parent(), siblingPrefix+itoa(endedPID(t)))
	if err := os.Mkdir(filepath.Join(empty.dir, "supervisor"), 0o755); err != nil {
		t.Fatal(err)
	}
	busy := create(t, tree.parent(), siblingPrefix+itoa(endedPID(t)))
	if err := busy.Add(sleeper(t).Process.Pid); err != nil {
		t.Fatal(err)
	}
	living := create(t, tree.parent(), siblingPrefix+itoa(os.Getpid()))
	other := create(t, tree.parent(), "somebody-elses")

	var swept Swept
	if err := tree.sweepSiblings(bounded(t), &swept); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(swept.Removed, []string{empty.dir}) || !slices.Equal(swept.Left, []string{busy.dir}) || swept.Killed != 0 {
		t.Errorf("sweepSiblings = %+v, want %s removed and %s left", swept, empty.dir, busy.dir)
	}
	for _, g := range []*Group{busy, living, other} {
		if _, err := os.Stat(g.dir); err != nil {
			t.Errorf("%s: %v, want it left alone", g.dir, err)
		}
	}
}

// parent is the tree whose groups are t's siblings.
func (t *Tree) parent() *Tree { return &Tree{dir: t.home} }

func TestDelegatedGroupIsTakenAndLeftClean(t *testing.T) {
	t.Parallel()
	outer := create(t, realTree(t), "service")
	main := sleeper(t)
	if err := outer.Add(main.Process.Pid); err != nil {
		t.Fatal(err)
	}
	tree, err := open("/proc", "", main.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if tree.Path() != outer.dir {
		t.Errorf("Path() = %q, want %q", tree.Path(), outer.dir)
	}
	worker, err := tree.Create("worker-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := tree.Close(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if names, err := subdirs(outer.dir); len(names) != 0 || err != nil {
		t.Errorf("below the delegated group: %v, %v, want nothing left", names, err)
	}
}

func TestCloseWaitsForWhatIsEndingInTheOwnLeaf(t *testing.T) {
	t.Parallel()
	tree := realTree(t) // which is closed, without an error, at the end of the test
	ending := exec.Command("sleep", "0.3")
	if err := ending.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ending.Wait() })
	if err := (&Group{dir: filepath.Join(tree.dir, ownLeaf)}).Add(ending.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if err := tree.Close(bounded(t)); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestTreeOfAnEndedOwnerIsTakenOver(t *testing.T) {
	t.Parallel()
	first := realTree(t)
	create(t, first, "worker-1")
	first.lock.Close() // as the kernel does when a process ends
	second, err := open("/proc", filepath.Base(first.dir), sleeper(t).Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer second.lock.Close()
	if _, err := second.Sweep(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if names, err := subdirs(second.dir); err != nil || !slices.Equal(names, []string{ownLeaf}) {
		t.Errorf("after the sweep %v is there, %v, want the own leaf alone", names, err)
	}
}
