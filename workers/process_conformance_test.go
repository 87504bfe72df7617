package workers_test

import (
	"testing"

	"dispatcherd/workers"
	"dispatcherd/workers/workerstest"
)

// fakeCounterpart is the other side of a fakeProcess.
type fakeCounterpart struct {
	*fakeProcess
	heardSoFar int
}

func (c *fakeCounterpart) Say(r workers.Report) { c.say(r) }

func (c *fakeCounterpart) Hear() string {
	all := c.heard()
	if c.heardSoFar == len(all) {
		return "nothing"
	}
	c.heardSoFar++
	return all[c.heardSoFar-1]
}

func TestFakeProcessConforms(t *testing.T) {
	t.Parallel()
	workerstest.Conforms(t, func(t *testing.T) (workers.Process, workerstest.Counterpart) {
		l := &fakeLauncher{habits: habits{silent: true, deaf: true}, procs: map[int]*fakeProcess{}}
		p, err := l.Launch(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return p, &fakeCounterpart{fakeProcess: l.proc(1)}
	})
}
