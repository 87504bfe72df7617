package workers_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"dispatcherd/workers"
)

// step is one thing that happens to a pool; n and d mean what the kind makes of them.
type step struct {
	kind string
	n    int
	d    time.Duration
	rush bool // the next step does not wait until this one has had its effects
}

var kinds = []string{
	"submit", "submit", "submit", "submit with timeout", "pass", "pass",
	"hello", "go on", "go on", "go on", "go on", "done", "done", "done", "done and leave", "leave", "exit", "exit in order",
	"ask", "nonsense", "cancel", "deafen", "bad launches", "good launches",
}

// scripts draws what happens, to a pool of what size.
func scripts(t *rapid.T) (cfg workers.Config, steps []step) {
	cfg = workers.Config{
		MinWorkers:        rapid.IntRange(0, 3).Draw(t, "min"),
		ScaledownWait:     time.Duration(rapid.IntRange(0, 20).Draw(t, "scaledown")) * time.Second,
		WorkerMaxLifetime: time.Duration(rapid.IntRange(0, 3).Draw(t, "lifetime")) * 20 * time.Second,
		ScaledownReserve:  rapid.IntRange(0, 2).Draw(t, "reserve"),
		HandAhead:         rapid.IntRange(0, 3).Draw(t, "ahead"),
		WorkerRemovalWait: time.Duration(rapid.IntRange(0, 3).Draw(t, "removal")) * 10 * time.Second,
		CancelGrace:       time.Duration(rapid.IntRange(0, 10).Draw(t, "cancel grace")) * time.Second,
		ShutdownGrace:     time.Duration(rapid.IntRange(0, 30).Draw(t, "shutdown grace")) * time.Second,
	}
	cfg.MaxWorkers = max(cfg.MinWorkers+rapid.IntRange(0, 3).Draw(t, "more"), 1)
	steps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
			n:    rapid.IntRange(0, 7).Draw(t, "n"),
			d:    time.Duration(rapid.IntRange(0, 15_000).Draw(t, "ms")) * time.Millisecond,
			rush: rapid.Bool().Draw(t, "rush"),
		}
	}), 0, 60).Draw(t, "steps")
	return cfg, steps
}

// player plays a script and stands for the dispatcher meanwhile.
type player struct {
	*bench
	queue []*workers.Task
	seq   uint64
	told  int // what the pool was last told to be waiting
	ended int // tasks
}

func newPlayer(t *testing.T, cfg workers.Config) *player {
	return &player{bench: newBench(t, cfg, habits{})}
}

// dispatch reads the events and gives out tasks until there is nothing new.
func (p *player) dispatch() {
	for {
		p.mu.Lock()
		events := p.fresh
		p.fresh = nil
		p.mu.Unlock()
		for _, e := range events {
			for _, t := range slices.Backward(e.Tasks) {
				again := *t
				p.queue = append([]*workers.Task{&again}, p.queue...)
			}
			switch e.Kind {
			case workers.TaskEnded:
				p.ended++
			case workers.ControlRequest:
				_ = p.pool.Reply(e.Worker, e.Request, nil) // it may be gone
			}
		}
		for len(p.queue) > 0 {
			if _, ok := p.run(p.queue[0]); !ok && !p.ahead(p.queue[0]) {
				break
			}
			p.queue = p.queue[1:]
		}
		if len(p.queue) != p.told {
			p.told = len(p.queue)
			p.pool.Waiting(p.told)
		}
		if len(events) == 0 {
			return
		}
		synctest.Wait()
	}
}

// play does one step.
func (p *player) play(s step) error {
	switch s.kind {
	case "submit", "submit with timeout":
		p.submit(s)
	case "pass":
		time.Sleep(s.d)
	case "bad launches":
		p.launcher.behave(badHabits[s.n])
	case "good launches":
		p.launcher.behave(habits{})
	default:
		p.disturb(s)
	}
	if s.rush {
		return nil
	}
	synctest.Wait()
	p.dispatch()
	if wrongs := p.inconsistencies(); len(wrongs) > 0 {
		return fmt.Errorf("after %+v: %v", s, wrongs)
	}
	return nil
}

var badHabits = [...]habits{
	{silent: true}, {deaf: true}, {immortal: true}, {mute: errors.New("broken pipe")},
	{refuse: errors.New("no such file")}, {delay: time.Second}, {delay: 5 * time.Minute, stubborn: true},
	{silent: true, deaf: true, immortal: true},
}

func (p *player) submit(s step) {
	p.seq++
	t := &workers.Task{Seq: p.seq}
	if s.kind == "submit with timeout" {
		t.Timeout = s.d + 1
	}
	p.queue = append(p.queue, t)
	p.dispatch()
}

// disturb has one of the workers say or suffer something.
func (p *player) disturb(s step) {
	infos := p.pool.Workers()
	if len(infos) == 0 {
		return
	}
	w := infos[s.n%len(infos)]
	proc := p.launcher.proc(w.ID)
	if proc == nil {
		return
	}
	var seq uint64
	if w.Task != nil {
		seq = w.Task.Seq
	}
	switch s.kind {
	case "hello":
		proc.hello()
	case "go on":
		p.goOn(w.ID, s.n)
	case "done":
		proc.done(seq, workers.Cancelled)
	case "done and leave":
		proc.say(workers.Report{Kind: workers.Done, Seq: seq, Outcome: workers.Succeeded, Stopping: true})
	case "leave":
		proc.leave()
	case "exit":
		proc.exit("killed by SIGSEGV", false)
	case "exit in order":
		proc.exit("exit code 0", true)
	case "ask":
		proc.say(workers.Report{Kind: workers.Asked, Seq: 1, Command: "running"})
	case "nonsense":
		proc.say(workers.Report{Kind: 99})
	case "cancel":
		p.pool.Cancel(seq)
	case "deafen":
		proc.behave(badHabits[s.n])
	}
}

// goOn has a worker end some tasks one after the other, all quick.
func (p *player) goOn(id, n int) {
	for range n {
		for _, w := range p.pool.Workers() {
			if proc := p.launcher.proc(id); w.ID == id && w.Task != nil && proc != nil {
				proc.goOn(w.Task.Seq)
			}
		}
		synctest.Wait()
		p.dispatch()
	}
}

// recover makes everybody behave from now on: every task must come to its end.
func (p *player) recover() error {
	p.launcher.behave(habits{eager: true})
	for _, w := range p.pool.Workers() {
		proc := p.launcher.proc(w.ID)
		if proc == nil {
			continue
		}
		proc.behave(habits{eager: true})
		switch w.State {
		case workers.Starting:
			proc.hello()
		case workers.Busy:
			proc.done(w.Task.Seq, workers.Succeeded)
		}
	}
	for range 60 {
		p.dispatch()
		time.Sleep(10 * time.Second)
		synctest.Wait()
	}
	p.dispatch()
	if len(p.queue) > 0 || p.ended != int(p.seq) {
		return fmt.Errorf("of %d tasks %d have ended and %d wait; %v", p.seq, p.ended, len(p.queue), p.states())
	}
	if n := p.pool.Stats().Usable(); n < p.cfg.MinWorkers {
		return fmt.Errorf("%d workers are there at the end, want %d", n, p.cfg.MinWorkers)
	}
	return nil
}

// drain stops the pool, which must end in time whatever its workers do.
func (p *player) drain(hurries int) error {
	p.cancel()
	for range hurries {
		p.pool.Hurry()
	}
	// The longest way: a launch that does not listen, then nothing listens.
	time.Sleep(5*time.Minute + p.cfg.ShutdownGrace + p.cfg.CancelGrace + workers.LeaveBound + workers.KillBound)
	synctest.Wait()
	if !p.bench.ended() {
		return fmt.Errorf("the pool has not ended; %v", p.states())
	}
	p.dispatch()
	if p.ended+len(p.queue) != int(p.seq) {
		return fmt.Errorf("of %d tasks %d have ended and %d wait", p.seq, p.ended, len(p.queue))
	}
	return nil
}

// propertyHolds runs f in bubbles on random scripts.
func propertyHolds(t *testing.T, f func(p *player, draw int) error) {
	t.Helper()
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		cfg, steps := scripts(rt)
		draw := rapid.IntRange(0, 2).Draw(rt, "hurries")
		var err error
		synctest.Test(t, func(t *testing.T) {
			p := newPlayer(t, cfg)
			for _, s := range steps {
				if err = p.play(s); err != nil {
					return
				}
			}
			synctest.Wait()
			p.dispatch()
			err = f(p, draw)
		})
		if err != nil {
			rt.Fatal(err)
		}
	})
}

func TestWhateverHappensEveryTaskEndsOnceAllBehave(t *testing.T) {
	propertyHolds(t, func(p *player, _ int) error { return p.recover() })
}

func TestWhateverHappensADrainEnds(t *testing.T) {
	propertyHolds(t, func(p *player, hurries int) error { return p.drain(hurries) })
}
