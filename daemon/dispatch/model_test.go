package dispatch

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"dispatcherd/daemon/message"
)

// modelTask is a task of the model.
type modelTask struct {
	uuid, name string
	mode       message.OnDuplicate
	due        time.Time
	worker     int
}

// model is the dispatcher as slow and obvious as possible: lists that are
// scanned for everything.
type model struct {
	free                             []int
	running, blocked, queue, delayed []*modelTask
	ended                            map[string]Outcome
	stopped                          bool
	bounds                           bounds
}

// bounds are how many tasks of a name may run at once; two names may share one.
type bounds map[string]shared

type shared struct {
	section string
	most    int
}

func (b bounds) Bound(name string) (section string, most int) { return b[name].section, b[name].most }

// full says whether as many tasks run as may that share a bound with one of the name.
func (m *model) full(name string) bool {
	section, most := m.bounds.Bound(name)
	n := 0
	for _, x := range m.running {
		if of, _ := m.bounds.Bound(x.name); of == section {
			n++
		}
	}
	return section != "" && n >= most
}

func has(name string, lists ...[]*modelTask) bool {
	for _, list := range lists {
		for _, x := range list {
			if x.name == name {
				return true
			}
		}
	}
	return false
}

func (m *model) arrive(x *modelTask) {
	active, blocked := has(x.name, m.queue, m.running), has(x.name, m.blocked)
	switch {
	case x.mode == message.Serial && active,
		x.mode == message.QueueOne && active && !blocked:
		m.blocked = append(m.blocked, x)
	case x.mode == message.QueueOne && blocked,
		x.mode == message.Discard && (active || blocked):
		m.ended[x.uuid] = Discarded
	default:
		m.queue = append(m.queue, x)
	}
	m.drain()
}

// drain lets one of each name go that is blocked by nothing, then fills the workers.
func (m *model) drain() {
	var still []*modelTask
	for _, x := range m.blocked {
		if has(x.name, m.queue, m.running) {
			still = append(still, x)
		} else {
			m.queue = append(m.queue, x)
		}
	}
	m.blocked = still
	for !m.stopped && len(m.free) > 0 {
		i := slices.IndexFunc(m.queue, func(x *modelTask) bool { return !m.full(x.name) })
		if i < 0 {
			return
		}
		x := m.queue[i]
		x.worker = m.free[0]
		m.queue, m.free = slices.Delete(m.queue, i, i+1), m.free[1:]
		m.running = append(m.running, x)
	}
}

// advance fires what is due, in the order of the times.
func (m *model) advance(now time.Time) {
	due := slices.Clone(m.delayed)
	slices.SortStableFunc(due, func(a, b *modelTask) int { return a.due.Compare(b.due) })
	for _, x := range due {
		if !x.due.After(now) {
			m.delayed = without(m.delayed, x.uuid)
			m.arrive(x)
		}
	}
}

func without(list []*modelTask, uuid string) []*modelTask {
	return slices.DeleteFunc(slices.Clone(list), func(x *modelTask) bool { return x.uuid == uuid })
}

func (m *model) leave(uuid string) *modelTask {
	i := slices.IndexFunc(m.running, func(x *modelTask) bool { return x.uuid == uuid })
	x := m.running[i]
	m.running = without(m.running, uuid)
	m.free = append(m.free, x.worker)
	slices.Sort(m.free)
	return x
}

// cancel returns what was hit.
func (m *model) cancel(matches func(*modelTask) bool) string {
	hit := m.show(matches)
	for _, list := range []*[]*modelTask{&m.blocked, &m.queue, &m.delayed} {
		for _, x := range *list {
			if matches(x) {
				m.ended[x.uuid] = Cancelled
				*list = without(*list, x.uuid)
			}
		}
	}
	m.drain()
	return hit
}

func (m *model) show(matches func(*modelTask) bool) string {
	var words []string
	byWorker := slices.SortedFunc(slices.Values(m.running), func(a, b *modelTask) int { return a.worker - b.worker })
	for _, x := range byWorker {
		if matches(x) {
			words = append(words, fmt.Sprintf("worker-%d %s", x.worker, x.uuid))
		}
	}
	for _, l := range []struct {
		name string
		list []*modelTask
	}{{"blocked", m.blocked}, {"queued", m.queue}, {"delayed", m.delayed}} {
		for i, x := range l.list {
			if matches(x) {
				words = append(words, fmt.Sprintf("%s-%d %s", l.name, i, x.uuid))
			}
		}
	}
	return strings.Join(words, ", ")
}

func all(*modelTask) bool { return true }

// pair is a dispatcher and its model, which must look the same after every step.
type pair struct {
	*Dispatcher
	runner  *fakeRunner
	model   *model
	watches map[string]<-chan Ended
	ended   map[string]Outcome
	n       int
}

func (p *pair) submit(t *rapid.T) {
	p.n++
	x := &modelTask{
		uuid: fmt.Sprintf("u%d", p.n),
		name: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name"),
		mode: rapid.SampledFrom([]message.OnDuplicate{message.Parallel, message.Serial, message.Discard, message.QueueOne, "later"}).Draw(t, "mode"),
	}
	delay := rapid.SampledFrom([]int{0, 0, 0, 1, 2, 5}).Draw(t, "delay")
	m, err := message.Parse(fmt.Appendf(nil, `{"uuid": %q, "task": %q, "on_duplicate": %q, "delay": %d}`, x.uuid, x.name, x.mode, delay))
	if err != nil {
		t.Fatal(err)
	}
	watch := make(chan Ended, 1)
	if err := p.Submit(m, watch); err != nil {
		t.Fatal(err)
	}
	p.watches[x.uuid] = watch
	if delay == 0 {
		p.model.arrive(x)
		return
	}
	x.due = time.Now().Add(time.Duration(delay) * time.Second)
	p.model.delayed = append(p.model.delayed, x)
}

func (p *pair) draw(t *rapid.T) string {
	if len(p.model.running) == 0 {
		t.Skip("nothing runs")
	}
	return rapid.SampledFrom(p.model.running).Draw(t, "running").uuid
}

func (p *pair) finish(t *rapid.T) {
	uuid := p.draw(t)
	outcome := rapid.SampledFrom([]Outcome{Succeeded, Failed, Killed, Abandoned}).Draw(t, "outcome")
	seq := p.runner.leave(uuid)
	p.Finished(Ended{Seq: seq, Outcome: outcome, Back: p.runner.TakeBack()}) // as the pool does it
	p.model.finish(uuid, outcome)
}

// goOn has a worker end its task and begin the next one by itself. What shares a bound would have
// its turn before that in the model.
func (p *pair) goOn(t *rapid.T) {
	uuid := p.draw(t)
	for _, x := range p.model.running {
		if x.uuid == uuid && p.model.bounds[x.name].section != "" || !p.runner.hasAhead() {
			t.Skip("it does not")
		}
	}
	seq, next := p.runner.goOn(uuid)
	p.Finished(Ended{Seq: seq, Outcome: Succeeded, Worker: p.runner.running[next], Next: next})
	p.model.finish(uuid, Succeeded)
}

func (m *model) finish(uuid string, o Outcome) {
	m.leave(uuid)
	m.ended[uuid] = o
	m.drain()
}

func (p *pair) giveBack(t *rapid.T) {
	uuid := p.draw(t)
	seq := p.runner.leave(uuid)
	p.Returned(append(p.runner.TakeBack(), seq)...)
	p.model.queue = slices.Insert(p.model.queue, 0, p.model.leave(uuid))
	p.model.drain()
}

func (p *pair) cancelSome(t *rapid.T) {
	uuid := fmt.Sprintf("u%d", rapid.IntRange(1, p.n+1).Draw(t, "uuid"))
	name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
	choice := []struct {
		filter  Filter
		matches func(*modelTask) bool
	}{
		{Filter{UUID: message.Encode(uuid)}, func(x *modelTask) bool { return x.uuid == uuid }},
		{Filter{Task: message.Encode(name)}, func(x *modelTask) bool { return x.name == name }},
		{Filter{}, all},
	}[rapid.IntRange(0, 2).Draw(t, "kind")]
	entries, err := p.Cancel(context.Background(), choice.filter)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := show(entries), p.model.cancel(choice.matches); got != want {
		t.Fatalf("Cancel(%+v) = [%s], want [%s]", choice.filter, got, want)
	}
}

// rebound has other bounds count.
func (p *pair) rebound(t *rapid.T) {
	b := bounds{}
	for _, name := range []string{"a", "b", "c"} {
		if section := rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "section of "+name); section != "" {
			b[name] = shared{section, map[string]int{"x": 1, "y": 2}[section]}
		}
	}
	p.Use(b)
	p.model.bounds = b
	p.model.drain()
}

func (p *pair) compare(t *rapid.T) {
	synctest.Wait()
	entries, err := p.Tasks(context.Background(), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := show(entries), p.model.show(all); got != want {
		t.Fatalf("tasks are [%s], want [%s]", got, want)
	}
	for uuid, watch := range p.watches {
		select {
		case e := <-watch:
			p.ended[uuid] = e.Outcome
			delete(p.watches, uuid)
		default:
		}
	}
	if !maps.Equal(p.ended, p.model.ended) {
		t.Fatalf("ended tasks are %v, want %v", p.ended, p.model.ended)
	}
	s, err := p.Stats(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	sum := uint64(s.Running + s.Queued + s.Blocked + s.Delayed)
	for _, n := range s.Ended {
		sum += n
	}
	if s.Accepted != uint64(p.n) || sum != s.Accepted {
		t.Fatalf("Stats() = %+v after %d tasks: %d accounted for", s, p.n, sum)
	}
}

// inTime hides the test's deadline from rapid: it is in real time, the bubble is not.
type inTime struct{ rapid.TB }

func TestDispatcherBehavesAsItsModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(inTime{t}, func(t *rapid.T) {
			workers := rapid.IntRange(0, 3).Draw(t, "workers")
			p := &pair{
				runner:  newFakeRunner(workers),
				model:   &model{ended: map[string]Outcome{}},
				watches: map[string]<-chan Ended{},
				ended:   map[string]Outcome{},
			}
			p.Dispatcher = New(p.runner, slog.New(slog.DiscardHandler))
			p.model.free = slices.Clone(p.runner.free)
			p.runner.room = rapid.IntRange(0, 3).Draw(t, "room ahead")
			ctx, cancel := context.WithCancel(context.Background())
			over := make(chan struct{})
			go func() { defer close(over); p.Run(ctx) }()
			defer func() { cancel(); <-over }()
			t.Repeat(map[string]func(*rapid.T){
				"submit":       p.submit,
				"submit more":  p.submit,
				"submit again": p.submit,
				"finish":       p.finish,
				"go on":        p.goOn,
				"give back":    p.giveBack,
				"cancel":       p.cancelSome,
				"other bounds": p.rebound,
				"wait": func(*rapid.T) {
					time.Sleep(time.Second)
					p.model.advance(time.Now())
				},
				"hire": func(t *rapid.T) {
					if workers++; workers > 5 {
						t.Skip("enough")
					}
					p.runner.hire(workers - 1)
					p.Returned(p.runner.TakeBack()...)
					p.Freed()
					p.model.free = append(p.model.free, workers-1)
					slices.Sort(p.model.free)
					p.model.drain()
				},
				"stop": func(t *rapid.T) {
					if rapid.IntRange(0, 9).Draw(t, "really") > 0 {
						t.Skip("not now")
					}
					if err := p.StopTaking(ctx); err != nil {
						t.Fatal(err)
					}
					p.model.stopped = true
				},
				"": p.compare,
			})
		})
	})
}
