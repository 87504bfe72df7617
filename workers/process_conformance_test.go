package workers_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/workers"
)

// counterpart is the other side of a process: what the worker says and hears.
type counterpart interface {
	say(r workers.Report) // an Exited ends the process
	hear() string         // waits for the next word: "task 1", "cancel 1", "reply 2 {}", "stop"
}

// conforms is what the pool relies on in a process, whoever implements it.
func conforms(t *testing.T, start func(t *testing.T) (workers.Process, counterpart)) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, p workers.Process, other counterpart)
	}{
		{"reports come in order and the end is the last", reportsComeInOrder},
		{"words arrive in order", wordsArriveInOrder},
		{"what was said before a kill is reported before the end", killComesLast},
		{"a process that is given up has ended", closeEnds},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, other := start(t)
			c.test(t, p, other)
		})
	}
}

// reports receives until the end and returns the kinds.
func reports(p workers.Process) []workers.ReportKind {
	var kinds []workers.ReportKind
	for {
		r := p.Receive()
		kinds = append(kinds, r.Kind)
		if r.Kind == workers.Exited {
			return kinds
		}
	}
}

func reportsComeInOrder(t *testing.T, p workers.Process, other counterpart) {
	want := []workers.ReportKind{workers.Hello, workers.Asked, workers.Done, workers.Leaving, workers.Exited}
	for _, kind := range want {
		other.say(workers.Report{Kind: kind, Seq: 1, Outcome: workers.Succeeded, Command: "running"})
	}
	if diff := cmp.Diff(want, reports(p)); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
}

func wordsArriveInOrder(t *testing.T, p workers.Process, other counterpart) {
	for _, send := range []func() error{
		func() error { return p.Send(&workers.Task{Seq: 1, Body: []byte("{}")}) },
		func() error { return p.Cancel(1) },
		func() error { return p.Reply(2, []byte("{}")) },
		p.Stop,
	} {
		if err := send(); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"task 1", "cancel 1", "reply 2 {}", "stop"} {
		if got := other.hear(); got != want {
			t.Errorf("the worker heard %q, want %q", got, want)
		}
	}
	other.say(workers.Report{Kind: workers.Exited})
	reports(p)
}

func killComesLast(t *testing.T, p workers.Process, other counterpart) {
	other.say(workers.Report{Kind: workers.Hello})
	for range 2 { // a second kill does no harm
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	want := []workers.ReportKind{workers.Hello, workers.Exited}
	if diff := cmp.Diff(want, reports(p)); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
}

func closeEnds(t *testing.T, p workers.Process, _ counterpart) {
	p.Close()
	if r := p.Receive(); r.Kind != workers.Exited || r.Clean {
		t.Errorf("Receive() = %+v, want an end that is not clean", r)
	}
}

// fakeCounterpart is the other side of a fakeProcess.
type fakeCounterpart struct {
	*fakeProcess
	heardSoFar int
}

func (c *fakeCounterpart) hear() string {
	all := c.heard()
	if c.heardSoFar == len(all) {
		return "nothing"
	}
	c.heardSoFar++
	return all[c.heardSoFar-1]
}

func TestFakeProcessConforms(t *testing.T) {
	t.Parallel()
	conforms(t, func(t *testing.T) (workers.Process, counterpart) {
		l := &fakeLauncher{habits: habits{silent: true, deaf: true}, procs: map[int]*fakeProcess{}}
		p, err := l.Launch(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return p, &fakeCounterpart{fakeProcess: l.proc(1)}
	})
}
