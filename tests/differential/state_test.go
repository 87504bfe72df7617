package differential

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"dispatcherd/daemon/message"
	"dispatcherd/tests/stand"
)

// state is what a service says of itself in one moment.
type state struct {
	running, workers, chunks, main, producers map[string]any
	polls                                     int // own requests that main has counted
	label                                     func(any) any
}

var looks = []string{"running", "workers", "chunks", "main", "producers"}

// look asks for the state, on a connection that is for nothing else.
func (p *player) look() (s state, err error) {
	for _, command := range looks {
		if err := p.poll.Send(fmt.Sprintf(`{"control": %q, "reply_to": "x"}`+"\n", command)); err != nil {
			return s, err
		}
	}
	p.counted("socket-producer", len(looks))
	for _, part := range []*map[string]any{&s.running, &s.workers, &s.chunks, &s.main, &s.producers} {
		text, err := p.poll.Reply()
		if err != nil {
			return s, fmt.Errorf("look at %s: %w", p.Side, err)
		}
		if *part, err = object(text); err != nil {
			return s, err
		}
		delete(*part, "node_id")
	}
	s.label = p.label
	s.polls = p.polls - 1 // producers is asked for after main
	return s, nil
}

// counted notes requests of the player's own that a service counts.
func (p *player) counted(producer string, n int) {
	p.polls += n
	p.produced[producer] += n
}

func object(text string) (map[string]any, error) {
	v, err := message.Decode([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%q is no object", text)
	}
	return o, nil
}

// number is the value of a number, 0 for anything else.
func number(v any) float64 {
	n, _ := v.(message.Number)
	f, _ := strconv.ParseFloat(string(n), 64)
	return f
}

// text is a value as JSON.
func text(v any) string { return string(message.Encode(v)) }

// worker is one that is listed.
type worker struct {
	id, pid           int
	status            string
	cancel            bool
	message           map[string]any // nil: idle
	uuid, description string         // of the message, as JSON
}

// list is the workers, in the order of their numbers.
func (s state) list() (all []worker) {
	for key, v := range s.workers {
		w, _ := v.(map[string]any)
		m, _ := s.running[key].(map[string]any)
		status, _ := w["status"].(string)
		all = append(all, worker{
			id: int(number(w["worker_id"])), pid: int(number(w["pid"])), status: status,
			cancel: w["active_cancel"] == true, message: m, uuid: text(s.label(m["uuid"])), description: text(m),
		})
	}
	slices.SortFunc(all, func(a, b worker) int { return cmp.Compare(a.id, b.id) })
	return all
}

// busy is the workers with a task, in an order that is the same on both sides.
func (s state) busy() []worker {
	all := slices.DeleteFunc(s.list(), func(w worker) bool { return w.message == nil })
	slices.SortStableFunc(all, func(a, b worker) int {
		return cmp.Or(cmp.Compare(a.uuid, b.uuid), cmp.Compare(text(a.message["args"]), text(b.message["args"])))
	})
	return all
}

// waiting is the messages that are queued, blocked or delayed, in their order; delayed ones have none,
// so that they are sorted.
func (s state) waiting(kind string) (all []map[string]any) {
	if kind == "delayed" {
		for key, v := range s.running {
			if strings.HasPrefix(key, kind) {
				all = append(all, v.(map[string]any))
			}
		}
		slices.SortFunc(all, func(a, b map[string]any) int { return cmp.Compare(text(s.label(a["uuid"])), text(s.label(b["uuid"]))) })
		return all
	}
	for i := 0; ; i++ {
		m, ok := s.running[kind+"-"+strconv.Itoa(i)].(map[string]any)
		if !ok {
			return all
		}
		all = append(all, m)
	}
}

// settle waits until a service does nothing any more by itself, and returns its state.
func (p *player) settle() (s state, err error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var before, why string
	for began := time.Now(); time.Since(began) < stand.Bound; {
		if s, err = p.look(); err != nil {
			return s, err
		}
		if why = p.restless(s, time.Since(began)); why == "" {
			now := text(p.still(s))
			if now == before {
				return s, nil
			}
			before = now
		} else {
			before = ""
		}
		select {
		case <-tick.C:
		case <-p.stage.changed:
		case <-p.Done:
			return s, fmt.Errorf("%s has ended", p.Side)
		}
	}
	return s, fmt.Errorf("%s does not come to rest: %s", p.Side, why)
}

// restless says what a service will still do by itself, "" if nothing is known.
func (p *player) restless(s state, waited time.Duration) string {
	actors, open := p.stage.on()
	idle, ready := 0, 0
	for _, w := range s.list() {
		a, plays := actors[w.pid]
		switch {
		case w.status != "ready" || p.killed[w.pid] || !alive(w.pid):
			return fmt.Sprintf("worker %d is %s", w.id, w.status)
		case w.message == nil && (plays || p.config.Watched && open[w.pid] != 0):
			return fmt.Sprintf("the end of a task of worker %d is not told", w.id)
		case w.message != nil && !(plays && a.waits):
			return fmt.Sprintf("worker %d runs %s", w.id, w.uuid)
		case w.message != nil && (w.cancel && !a.cancelled || !w.cancel && short(w.message["timeout"])):
			p.help(w, waited)
			return fmt.Sprintf("worker %d is to be cancelled", w.id)
		case w.message == nil:
			idle++
		}
		ready++
		delete(actors, w.pid)
	}
	queued := len(s.waiting("queued"))
	want := min(max(ready-idle+queued, p.config.Min), p.config.Max)
	switch {
	case len(actors) > 0:
		return "somebody plays whom nobody knows"
	case ready != want:
		return fmt.Sprintf("%d workers are ready, and %d are wanted", ready, want)
	case queued > 0 && idle > 0:
		return "a task is queued while a worker is idle"
	}
	for _, m := range s.waiting("delayed") {
		if short(m["delay"]) {
			return "a task is delayed"
		}
	}
	if stats, _ := s.chunks["status"].(map[string]any); p.config.Chunks > 0 && number(stats["active_messages"]) > 0 {
		return "a message in parts has not expired"
	}
	return ""
}

// short says whether a time is over soon.
func short(v any) bool {
	n, ok := v.(message.Number)
	return v == true || ok && number(n) != 0 && number(n) < 60
}

// help repeats the signal of a cancel that the original has sent before its worker had read the task,
// where it is lost for ever (a race that is not to be compared).
func (p *player) help(w worker, waited time.Duration) {
	if p.Side == stand.Original && w.cancel && waited > 5*time.Second && !p.helped[w.uuid] {
		p.helped[w.uuid] = true
		signalWorker(w.pid, cancelSignal)
	}
}

// alive says whether a process runs.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// still is what of a state does not change while nothing happens.
func (p *player) still(s state) any {
	steady := map[string]any{"running": s.running, "main": map[string]any{
		"received": int64(number(s.main["received_count"])) - int64(s.polls), "pool": count(s.main, "pool"),
	}}
	var workers []any
	for _, w := range s.list() {
		workers = append(workers, []any{int64(w.id), int64(w.pid), w.uuid})
	}
	steady["workers"] = workers
	return steady
}

// count is an object in an object, without what is no count.
func count(o map[string]any, key string) map[string]any {
	counts := map[string]any{}
	inner, _ := o[key].(map[string]any)
	for k, v := range inner {
		if n, ok := v.(message.Number); ok {
			counts[k] = n
		}
	}
	return counts
}

// jsonText writes what a step consists of.
func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
