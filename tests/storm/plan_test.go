package storm

import (
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// perBatch is how many messages are sent at once.
const perBatch = 10

// What is done to a service.
const (
	killWorker     = "kill -9 of a worker"
	killSupervisor = "kill -9 of the supervisor"
	killForkServer = "kill -9 of the fork server"
	killMain       = "kill -9 of the main process, which is started again"
	cutBackends    = "the service's backends of Postgres are ended"
	restartServer  = "Postgres is restarted"
	crowd          = "1000 clients come and go"
)

// doses are how often each is done in a storm.
var doses = []struct {
	what  string
	times int
}{
	{killWorker, 27}, {killSupervisor, 2}, {killForkServer, 2}, {killMain, 1},
	{cutBackends, 2}, {restartServer, 1}, {crowd, 1},
}

// act is one thing that is done.
type act struct {
	What string
	Pick int // chooses one of those that it can be done to
}

// batch is a few messages that are sent together, after some acts.
type batch struct {
	Acts    []act
	Socket  bool     // over the socket, else over Postgres in one transaction
	Kinds   []string // of the tasks
	Request int      // a request for a reply over Postgres comes before this one of them; -1: none does
	Run     bool     // the last one is submitted by the command run
}

// plan is a storm, all of which comes from the seed: what is sent, and what is done after how many messages.
type plan struct {
	Seed    uint64
	Kept    bool // our supervisor is a service of its own
	Batches []batch
}

// newPlan makes a storm of so many messages, in which tasks die each times in each way.
func newPlan(seed uint64, messages, each int) plan {
	r := rand.New(rand.NewPCG(seed, 7))
	p := plan{Seed: seed, Kept: seed%2 == 0, Batches: make([]batch, messages/perBatch)}
	for i := range p.Batches {
		b := batch{Socket: r.IntN(5) == 0, Request: -1, Kinds: slices.Repeat([]string{mark}, perBatch)}
		b.Kinds[r.IntN(perBatch)] = nap
		b.Run = b.Socket && r.IntN(2) == 0
		if !b.Socket && r.IntN(60) == 0 {
			b.Request = r.IntN(perBatch)
		}
		p.Batches[i] = b
	}
	// Nothing is done in the first twentieth, and in the last tenth.
	somewhere := func() *batch {
		return &p.Batches[len(p.Batches)/20+r.IntN(len(p.Batches)*17/20)]
	}
	for _, name := range slices.Sorted(maps.Keys(deaths)) {
		for range each {
			somewhere().Kinds[r.IntN(perBatch)] = name
		}
	}
	for _, d := range doses {
		for range d.times {
			b := somewhere()
			b.Acts = append(b.Acts, act{What: d.what, Pick: r.IntN(1 << 20)})
		}
	}
	return p
}

// count is how many tasks of a plan are of a kind.
func (p plan) count(name string) (n int) {
	for _, b := range p.Batches {
		for _, k := range b.Kinds {
			if k == name {
				n++
			}
		}
	}
	return n
}

func TestPlanIsMadeFromItsSeedAlone(t *testing.T) {
	t.Parallel()
	if one, again := newPlan(7, 20_000, 3), newPlan(7, 20_000, 3); !reflect.DeepEqual(one, again) {
		t.Error("a seed gives two storms")
	}
	if one, other := newPlan(7, 20_000, 3), newPlan(8, 20_000, 3); reflect.DeepEqual(one.Batches, other.Batches) {
		t.Error("two seeds give one storm")
	}
}

func TestPlanHasEveryActAndEveryDeath(t *testing.T) {
	t.Parallel()
	p := newPlan(3, 20_000, 4)
	acts, requests := map[string]int{}, 0
	for _, b := range p.Batches {
		for _, a := range b.Acts {
			acts[a.What]++
		}
		if b.Request >= 0 {
			requests++
		}
	}
	for _, d := range doses {
		if acts[d.what] != d.times {
			t.Errorf("%s: %d times, want %d", d.what, acts[d.what], d.times)
		}
	}
	for name := range deaths {
		if n := p.count(name); n == 0 || n > 4 { // one may have taken the place of another
			t.Errorf("%s: %d times, want 1 to 4", name, n)
		}
	}
	if requests == 0 {
		t.Error("no reply over Postgres is asked for")
	}
}
