package supervisor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dispatcherd/cgroups"
)

// measured is a project whose workers say what their tasks have cost.
func measured(t *testing.T) Spec {
	t.Helper()
	spec := project(t)
	spec.Measure = true
	return spec
}

// spent waits for the end of a task and returns what its worker says of it; more is set
// where that cannot be all. Package process knows the layout.
func (h *hand) spent(t *testing.T) (s Spent, more bool) {
	t.Helper()
	kind, body := h.frame(t)
	if kind != 'D' || len(body) < 80 || body[1]&2 == 0 {
		t.Fatalf("worker %d sent %c %q, want D with a usage", h.Worker, kind, body)
	}
	float := func(i int) time.Duration {
		return time.Duration(math.Float64frombits(binary.LittleEndian.Uint64(body[i:])) * 1e9)
	}
	size := func(i int) int64 { return int64(binary.LittleEndian.Uint64(body[i:])) }
	return Spent{
		CPUBegin: float(24), CPUEnd: float(32), MaxRSS: size(40),
		ReadBegin: size(48), ReadEnd: size(56), WrittenBegin: size(64), WrittenEnd: size(72),
	}, body[1]&4 != 0
}

func TestWhatATaskLeavesIsEndedAndCounted(t *testing.T) {
	eachIsolation(t, func(t *testing.T, cfg Config) {
		tm := newTeam(t, cfg, measured(t))
		if cfg.Tree != noTree {
			tm.needCgroups(t)
		}
		h := tm.hire(t, 1)
		h.run(t, "child", cfg.Tree != noTree) // in a session of its own where only a cgroup holds it
		child := number(t, h.line(t))
		spent, more := h.spent(t)
		if cfg.Tree != noTree && !more {
			t.Error("the worker has not noticed that its task has left a process")
		}
		a, err := tm.client.Account(bounded(t), 1, spent)
		if err != nil || a.Leftovers != 1 || a.LeftAlone {
			t.Errorf("Account = %+v, %v, want one process ended", a, err)
		}
		if alive(child) {
			t.Errorf("process %d is still there", child)
		}
		if a.CPU < spent.CPUEnd-spent.CPUBegin || a.CPU > spent.CPUEnd-spent.CPUBegin+time.Second || a.MemorySource == "" {
			t.Errorf("Account = %+v of a worker that has spent %+v", a, spent)
		}
		h.run(t, "nothing")
		spent, _ = h.spent(t)
		if a, err := tm.client.Account(bounded(t), 1, spent); err != nil || a.Leftovers != 0 {
			t.Errorf("Account of the next task = %+v, %v", a, err)
		}
		tm.finish(t)
	})
}

func TestWhatATaskLeavesIsOnlyCountedWhereItMayStay(t *testing.T) {
	eachIsolation(t, func(t *testing.T, cfg Config) {
		spec := measured(t)
		spec.Leftovers = LeaveLeftovers
		tm := newTeam(t, cfg, spec)
		h := tm.hire(t, 1)
		h.run(t, "child", false)
		child := number(t, h.line(t))
		for _, want := range []Account{{Leftovers: 1, LeftAlone: true}, {}} { // it is the first task's
			spent, _ := h.spent(t)
			a, err := tm.client.Account(bounded(t), 1, spent)
			if err != nil || a.Leftovers != want.Leftovers || a.LeftAlone != want.LeftAlone {
				t.Errorf("Account = %+v, %v, want %+v", a, err, want)
			}
			h.run(t, "nothing")
		}
		if !alive(child) {
			t.Error("the child was ended")
		}
		tm.finish(t)
	})
}

func TestResidentsOfAWorkerAreNoLeftovers(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, Config{}, measured(t))
	h := tm.hire(t, 1)
	h.run(t, "child", false)
	child := number(t, h.line(t))
	spent, _ := h.spent(t)
	spent.Residents = []int{child}
	if a, err := tm.client.Account(bounded(t), 1, spent); err != nil || a.Leftovers != 0 || !alive(child) {
		t.Errorf("Account = %+v, %v, alive: %v, want the resident left alone", a, err, alive(child))
	}
	tm.finish(t)
}

func TestExitSaysWhoHasKilledAndWhatWasUsed(t *testing.T) {
	eachIsolation(t, func(t *testing.T, cfg Config) {
		tm := newTeam(t, cfg, measured(t))
		for i, tt := range []struct {
			name string
			end  func(h *hand)
			by   string
			want unix.Signal
		}{
			{"an order", func(h *hand) {
				h.run(t, "sleep", 300)
				h.expect(t, "sleeping")
				if err := tm.client.Kill(h.Worker); err != nil {
					t.Error(err)
				}
			}, ByOrder, unix.SIGKILL},
			{"somebody", func(h *hand) { h.run(t, "crash", int(unix.SIGKILL)) }, "", unix.SIGKILL},
			{"its own fault", func(h *hand) { h.run(t, "crash", int(unix.SIGSEGV)) }, "", unix.SIGSEGV},
		} {
			h := tm.hire(t, i)
			tt.end(h)
			exit := exitOfWorker(t, h.Launched)
			if exit.By != tt.by || exit.Signal != tt.want || exit.OOM {
				t.Errorf("%s: %+v, want signal %v by %q", tt.name, exit, tt.want, tt.by)
			}
			if exit.Account == nil || exit.Account.CPU <= 0 || exit.Account.MemoryPeak <= 0 {
				t.Errorf("%s: the account is %+v", tt.name, exit.Account)
			}
		}
		_, totals, err := tm.client.Measure(bounded(t))
		if err != nil || totals.CPU <= 0 || totals.PIDs != 0 || cfg.Tree == noTree && totals.Cgroups != 0 {
			t.Errorf("Measure = %+v, %v, want what the ended ones have used", totals, err)
		}
		tm.finish(t)
	})
}

func TestAccountOfAWorkerThatHasEndedIsRefused(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, Config{}, measured(t))
	tm.info(t)
	if _, err := tm.client.Account(bounded(t), 9, Spent{}); !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "account the task of worker 9") {
		t.Errorf("Account = %v", err)
	}
	tm.finish(t)
}

func TestSupervisorOfAnEarlierVersionIsNotAskedForAccounts(t *testing.T) {
	t.Parallel()
	client, c := scripted(t, Spec{Python: "python3"})
	if _, err := client.Account(t.Context(), 1, Spent{}); !errors.Is(err, errNotConnected) {
		t.Errorf("Account before the welcome: %v", err)
	}
	say(t, c, packet{Op: opWelcome, Welcome: &welcome{Version: 1, MinVersion: 1, PID: 1}})
	expect(t, c, opSpec)
	if _, err := client.Account(t.Context(), 1, Spent{}); !errors.Is(err, ErrTooOld) {
		t.Errorf("Account = %v, want that the supervisor is too old", err)
	}
	if err := client.Watch(1); err != nil {
		t.Errorf("Watch = %v", err)
	}
	if err := client.Kill(1); err != nil {
		t.Fatal(err)
	}
	expect(t, c, opKill) // and nothing before it
}

func TestAccountEndsWithTheConnectionAndWithItsContext(t *testing.T) {
	t.Parallel()
	client, c := scripted(t, Spec{Python: "python3"})
	say(t, c, packet{Op: opWelcome, Welcome: &welcome{Version: wireVersion, MinVersion: minVersion, PID: 1}})
	expect(t, c, opSpec)
	failed := make(chan error, 1)
	ask := func(ctx context.Context) { _, err := client.Account(ctx, 1, Spent{CPUEnd: time.Second}); failed <- err }
	ctx, cancel := context.WithCancel(t.Context())
	go ask(ctx)
	late := expect(t, c, opAccount)
	if late.Spent == nil || late.Spent.CPUEnd != time.Second || late.Worker != 1 {
		t.Errorf("asked was %+v", late)
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("Account = %v", err)
	}
	say(t, c, packet{Op: opAccount, ID: late.ID, Account: &Account{}}) // for nobody
	go ask(t.Context())
	say(t, c, packet{Op: opAccount, ID: expect(t, c, opAccount).ID})
	if err := <-failed; !errors.Is(err, errNotMeasured) {
		t.Errorf("Account with an empty answer = %v", err)
	}
	go ask(t.Context())
	expect(t, c, opAccount)
	c.close()
	if err := <-failed; !errors.Is(err, errNotConnected) {
		t.Errorf("Account when the connection is lost = %v", err)
	}
}

// glanceCage is one that only looks.
type glanceCage struct {
	cage
	takes cgroups.Account
	pids  []int
}

func (c *glanceCage) glance() (cgroups.Account, []int) { return c.takes, c.pids }

func TestSamplesAreKeptUntilTheAccount(t *testing.T) {
	t.Parallel()
	note, err := newNote()
	if err != nil {
		t.Fatal(err)
	}
	defer note.Close()
	book, err := OpenNotebook(note)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	c := &glanceCage{}
	w := &worker{process: process{PID: 1}, cage: c, ends: ends{note: note}}
	if w.look(false) {
		t.Error("a worker that nobody watches is watched")
	}
	book.Begin(Note{Seq: 1, UUID: "u", Task: "t"})
	for _, takes := range []cgroups.Account{{Memory: 5, PIDs: 1}, {Memory: 9, PIDs: 7}, {Memory: 3, PIDs: 2}} {
		c.takes = takes
		if !w.look(true) {
			t.Fatal("a worker that runs a task is not watched")
		}
	}
	book.End()
	c.takes = cgroups.Account{Memory: 99, PIDs: 99}
	if w.look(false) {
		t.Error("a worker whose task has ended is still watched")
	}
	if got := w.ledger.sampled; got.memory != 9 || got.pids != 7 {
		t.Errorf("sampled is %+v, want 9 bytes and 7 processes", got)
	}
	w.ledger.close(cgroups.Account{}, Spent{}, 0)
	if got := w.ledger.sampled; got.memory != 0 || got.pids != 0 || got.seen != nil {
		t.Errorf("after the account sampled is %+v", got)
	}
}

func TestLargestProcessThatIsGoneIsTheVictim(t *testing.T) {
	t.Parallel()
	small, large, living := endedProcess(t), endedProcess(t), 1
	s := sample{seen: map[int]member{small: {"sh", 10}, large: {"python3", 5000}, living: {"init", 90000}}}
	s.suspect()
	if want := fmt.Sprintf("process %d (python3)", large); s.likely != want {
		t.Errorf("the victim is %q, want %q", s.likely, want)
	}
	l := ledger{sampled: s}
	if a := l.close(cgroups.Account{OOMKills: 1}, Spent{}, 0); a.OOMVictim != s.likely {
		t.Errorf("the account names %q", a.OOMVictim)
	}
	l.sampled = s
	if a := l.close(cgroups.Account{OOMKills: 1}, Spent{}, 0); a.OOMVictim != "" {
		t.Errorf("the account of a task of which none was killed names %q", a.OOMVictim)
	}
}

// endedProcess is the number of a process that is gone.
func endedProcess(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}
