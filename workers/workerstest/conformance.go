// Package workerstest holds what the pool relies on in a process as test cases,
// for the real one and for the fakes of tests.
package workerstest

import (
	"slices"
	"testing"

	"dispatcherd/workers"
)

// Counterpart is the other side of a process, which the test plays.
type Counterpart interface {
	Say(r workers.Report) // an Exited ends the process: with exit code 0 if it is clean, else 1
	Hear() string         // waits for the next word: "task 1", "cancel 1", "reply 2 {}", "stop"
}

// Conforms runs the cases, each on a process of its own that start makes.
func Conforms(t *testing.T, start func(t *testing.T) (workers.Process, Counterpart)) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, p workers.Process, other Counterpart)
	}{
		{"reports come in order and the end is the last", reportsComeInOrder},
		{"words arrive in order", wordsArriveInOrder},
		{"why it leaves and how it ends is reported", endIsExplained},
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

func reportsComeInOrder(t *testing.T, p workers.Process, other Counterpart) {
	want := []workers.ReportKind{workers.Hello, workers.Asked, workers.Done, workers.Leaving, workers.Exited}
	for _, kind := range want {
		other.Say(workers.Report{Kind: kind, Seq: 1, Outcome: workers.Succeeded, Command: "running", Clean: true})
	}
	if got := reports(p); !slices.Equal(got, want) {
		t.Errorf("reports are of the kinds %v, want %v", got, want)
	}
}

func wordsArriveInOrder(t *testing.T, p workers.Process, other Counterpart) {
	for _, send := range []func() error{
		func() error { return p.Send(&workers.Task{Seq: 1, Body: []byte("{}")}) },
		p.Watch, // which is no word to the worker
		func() error { return p.Cancel(1) },
		func() error { return p.Reply(2, []byte("{}")) },
		p.Stop,
	} {
		if err := send(); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"task 1", "cancel 1", "reply 2 {}", "stop"} {
		if got := other.Hear(); got != want {
			t.Errorf("the worker heard %q, want %q", got, want)
		}
	}
	other.Say(workers.Report{Kind: workers.Exited, Clean: true})
	reports(p)
}

func endIsExplained(t *testing.T, p workers.Process, other Counterpart) {
	other.Say(workers.Report{Kind: workers.Hello})
	other.Say(workers.Report{Kind: workers.Leaving, Reason: "on_idle: ValueError: boom"})
	other.Say(workers.Report{Kind: workers.Exited, Exit: "exit code 1", Death: workers.Death{Code: 1}})
	p.Receive()
	if r := p.Receive(); r.Kind != workers.Leaving || r.Reason != "on_idle: ValueError: boom" {
		t.Errorf("Receive() = %+v, want why the worker leaves", r)
	}
	if r := p.Receive(); r.Kind != workers.Exited || r.Clean || r.Exit != "exit code 1" || r.Death != (workers.Death{Code: 1}) {
		t.Errorf("Receive() = %+v, want exit code 1, which is not clean", r)
	}
}

func killComesLast(t *testing.T, p workers.Process, other Counterpart) {
	other.Say(workers.Report{Kind: workers.Hello})
	for range 2 { // a second kill does no harm
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	want := []workers.ReportKind{workers.Hello, workers.Exited}
	if got := reports(p); !slices.Equal(got, want) {
		t.Errorf("reports are of the kinds %v, want %v", got, want)
	}
}

func closeEnds(t *testing.T, p workers.Process, _ Counterpart) {
	p.Close()
	if r := p.Receive(); r.Kind != workers.Exited || r.Clean || !r.Death.Unknown {
		t.Errorf("Receive() = %+v, want an end that is not clean, and that nobody saw", r)
	}
}
