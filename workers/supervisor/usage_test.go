package supervisor

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
)

func TestEachWorkerIsMeasuredWithWhatItsTaskHasStarted(t *testing.T) {
	eachIsolation(t, func(t *testing.T, cfg Config) {
		tm := newTeamOf(t, cfg)
		idle, busy := tm.hire(t, 7), tm.hire(t, 3)
		busy.run(t, "hold", 64)
		busy.expect(t, "holding")
		all, err := tm.client.Usage(bounded(t))
		if err != nil || len(all) != 2 || all[0].Worker != 3 || all[1].Worker != 7 || all[0].PID != busy.PID || all[1].PID != idle.PID {
			t.Fatalf("Usage = %+v, %v, want workers 3 and 7 with processes %d and %d", all, err, busy.PID, idle.PID)
		}
		if held := all[0].Memory >> 20; held < 64 || held > 128 {
			t.Errorf("the worker whose child holds 64 MiB takes %d MiB", held)
		}
		if all[1].Memory < 100<<10 || all[1].Memory > 32<<20 {
			t.Errorf("an idle worker takes %d bytes", all[1].Memory)
		}
		for _, u := range all {
			if u.Source != FromProcesses && (u.Source != FromCgroup || cfg.Tree == noTree) {
				t.Errorf("the source of %+v is not one of this isolation", u)
			}
		}
		tm.finish(t)
	})
}

func TestMemoryOfAProcess(t *testing.T) {
	t.Parallel()
	if bytes, err := Memory(os.Getpid()); err != nil || bytes < 1<<20 {
		t.Errorf("Memory of this process = %d, %v, want more than a mebibyte", bytes, err)
	}
	if sum, err := memoryOf([]int{os.Getpid(), 1 << 30}); err != nil || sum < 1<<20 {
		t.Errorf("with a process that is gone: %d, %v, want that of the other", sum, err)
	}
}

func TestMeasuresThatComeInPartsAreJoined(t *testing.T) {
	t.Parallel()
	client, c := scripted(t, Spec{Python: "python3"})
	if _, err := client.Usage(t.Context()); !errors.Is(err, errNotConnected) {
		t.Errorf("Usage before the welcome: %v, want that there is no connection", err)
	}
	say(t, c, packet{Op: opWelcome, Welcome: &welcome{Version: wireVersion, MinVersion: minVersion, PID: 1}})
	expect(t, c, opSpec)
	type result struct {
		got []Usage
		err error
	}
	results := make(chan result, 1)
	ask := func() {
		got, err := client.Usage(t.Context())
		results <- result{got, err}
	}
	go ask()
	id := expect(t, c, opUsage).ID
	say(t, c, packet{Op: opUsage, ID: id + 1, Usage: []Usage{{Worker: 9}}}) // nobody's
	say(t, c, packet{Op: opUsage, ID: id, Usage: []Usage{{Worker: 1}, {Worker: 2}}, More: true})
	say(t, c, packet{Op: opUsage, ID: id, Usage: []Usage{{Worker: 3, Memory: 1 << 40, Source: FromCgroup}}})
	if r := <-results; r.err != nil || len(r.got) != 3 || r.got[2].Memory != 1<<40 {
		t.Errorf("Usage = %+v, %v, want three", r.got, r.err)
	}
	go ask()
	expect(t, c, opUsage)
	c.close()
	if r := <-results; !errors.Is(r.err, errNotConnected) {
		t.Errorf("Usage when the connection is lost: %v", r.err)
	}
}

func TestSupervisorThatDoesNotMeasureIsNotWaitedForForever(t *testing.T) {
	t.Parallel()
	client, c := scripted(t, Spec{Python: "python3"})
	say(t, c, packet{Op: opWelcome, Welcome: &welcome{Version: wireVersion, MinVersion: minVersion, PID: 1}})
	expect(t, c, opSpec)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() { _, err := client.Usage(ctx); failed <- err }()
	expect(t, c, opUsage) // and no answer
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "measure the workers") {
		t.Errorf("Usage = %v", err)
	}
	client.mu.Lock()
	defer client.mu.Unlock()
	if len(client.asked) != 0 {
		t.Errorf("%d questions are still open", len(client.asked))
	}
}
