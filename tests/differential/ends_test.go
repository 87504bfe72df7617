package differential

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"dispatcherd/tests/stand"
)

// await polls until something is so.
func (p *player) await(what string, is func(state) bool) (s state, err error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < stand.Bound; {
		if s, err = p.look(); err != nil || is(s) {
			return s, err
		}
		select {
		case <-tick.C:
		case <-p.Done:
			return s, errors.New("it has ended")
		}
	}
	return s, fmt.Errorf("%s does not come about: %s", what, text(s.running))
}

// retire lets a worker become too old with its task, and sees that it finishes and that another takes
// the next.
func (p *player) retire(one step, seen sight) error {
	seen["all"] = "told below"
	playing := func(s state) bool { actors, _ := p.stage.on(); return len(s.busy()) == 1 && len(actors) == 1 }
	was, err := p.await("the task of the start", playing)
	if err != nil {
		return err
	}
	old := was.busy()[0]
	if _, err := p.await("the age of a worker", func(s state) bool {
		w, _ := s.workers[fmt.Sprintf("worker-%d", old.id)].(map[string]any)
		return number(w["age"]) > p.config.Lifetime+1
	}); err != nil {
		return err
	}
	if err := p.stage.order(old.pid, `{"do": "return", "value": "'old'"}`); err != nil {
		return err
	}
	if _, err := p.await("the end of the old worker", func(s state) bool {
		_, listed := s.workers[fmt.Sprintf("worker-%d", old.id)]
		return !listed && len(s.busy()) == 0
	}); err != nil {
		return err
	}
	next, err := p.succeed(one, seen, old, playing)
	if err != nil {
		return err
	}
	seen["on another"] = fmt.Sprint(next.busy()[0].pid != old.pid)
	return nil
}

// age lets a worker become too old without a task, and sees that it leaves and that another takes the
// next task.
func (p *player) age(one step, seen sight) error {
	seen["all"] = "told below"
	playing := func(s state) bool { actors, _ := p.stage.on(); return len(s.busy()) == 1 && len(actors) == 1 }
	was, err := p.await("the task of the start", playing)
	if err != nil {
		return err
	}
	old := was.busy()[0]
	if err := p.stage.order(old.pid, `{"do": "return", "value": "None"}`); err != nil {
		return err
	}
	if _, err := p.await("the end of the old worker", func(s state) bool {
		all := s.list()
		return len(all) == 1 && all[0].pid != old.pid && all[0].status == "ready"
	}); err != nil {
		return err
	}
	_, err = p.succeed(one, seen, old, playing)
	return err
}

// succeed sends the next task to the service whose worker has retired, and sees what is counted and told then.
func (p *player) succeed(one step, seen sight, old worker, playing func(state) bool) (state, error) {
	if _, err := p.exchange(one.Via, 0, one.Texts...); err != nil {
		return state{}, err
	}
	next, err := p.await("the next task", playing)
	if err != nil {
		return state{}, err
	}
	pool, _ := next.main["pool"].(map[string]any)
	seen["retired"] = fmt.Sprint(number(pool["retirement_count"]) >= 1)
	seen["finished"] = text(pool["finished_count"]) + ", canceled " + text(pool["canceled_count"])
	seen["events"] = p.told(func(e event) bool { return e.pid == old.pid })
	return next, nil
}

// check sees that the connection to Postgres is checked while nothing comes, and that a task that comes
// runs all the same.
func (p *player) check(one step, seen sight) error {
	seen["all"] = "told below"
	checks := func(s state) map[string]any {
		producer, _ := s.producers["pg_notify-producer"].(map[string]any)
		c, _ := producer["broker_self_check"].(map[string]any)
		return c
	}
	playing := func(s state) bool { actors, _ := p.stage.on(); return len(s.busy()) == 1 && len(actors) == 1 }
	began, err := p.await("the task of the start", playing)
	if err != nil {
		return err
	}
	if err := p.stage.order(began.busy()[0].pid, `{"do": "return", "value": "None"}`); err != nil {
		return err
	}
	now, err := p.await("two checks", func(s state) bool { return number(checks(s)["success_count"]) >= 2 })
	if err != nil {
		return err
	}
	for key, v := range checks(now) {
		seen["check."+key] = fmt.Sprintf("%T", v)
	}
	seen["enabled"] = text(checks(now)["enabled"])
	received := int(number(now.main["received_count"])) - now.polls
	seen["checks are counted"] = fmt.Sprint(received > 2) // the two of the start are
	if _, err := p.exchange(one.Via, 0, one.Texts...); err != nil {
		return err
	}
	now, err = p.await("the task", func(s state) bool {
		return playing(s) && strings.Contains(one.Texts[0], text(s.busy()[0].message["uuid"]))
	})
	if err == nil {
		seen["task"] = text(now.busy()[0].message)
	}
	return err
}

// schedule sees what the schedule brings: its first tasks, in their order.
func (p *player) schedule(one step, seen sight) error {
	seen["all"] = "told below"
	var came []string
	for len(came) < 4 {
		var next worker // one that waits for an order, and has not been seen
		_, err := p.await("a task of the schedule", func(s state) bool {
			actors, _ := p.stage.on()
			for _, w := range s.busy() {
				// A worker that was seen with the note may play already what comes behind it.
				if actors[w.pid].waits && w.message["task"] != "stage.note" && !slices.Contains(came, w.description) {
					next = w
					return true
				}
			}
			return false
		})
		if err != nil {
			return err
		}
		came = append(came, next.description)
		if err := p.stage.order(next.pid, `{"do": "return", "value": "None"}`); err != nil {
			return err
		}
	}
	seen["tasks"] = strings.Join(came, "\n")
	p.stage.take()
	return nil
}

// told is what some workers have told, taken from the stage.
func (p *player) told(of func(event) bool) string {
	var all []string
	for _, e := range p.stage.take() {
		if of(e) {
			all = append(all, p.labelled(e.text))
		}
	}
	return strings.Join(all, "\n")
}

// relent has the tasks end that would not end alike when the service stops: those who withstand their
// cancel, and those behind which others run.
func (p *player) relent() (err error) {
	for p.last.running != nil {
		unlike := slices.DeleteFunc(p.last.busy(), func(w worker) bool {
			return p.config.Idle == 0 && !p.stubborn[w.description] && !followed(w.message)
		})
		if len(unlike) == 0 {
			return nil
		}
		if err := p.stage.order(unlike[0].pid, `{"do": "return", "value": "None"}`); err != nil {
			return err
		}
		delete(p.stubborn, unlike[0].description)
		if p.last, err = p.settle(); err != nil {
			return err
		}
	}
	return nil
}

// finish stops the service with whatever it has.
func (p *player) finish(one step, seen sight) error {
	seen["all"] = "told below"
	if err := p.relent(); err != nil {
		return err
	}
	if p.config.Idle > 0 {
		if _, err := p.await("on_idle", func(state) bool { return p.stage.wasIdle() }); err != nil {
			return err
		}
	}
	if one.By == "" { // the original leaves the file of its socket behind when somebody is
		p.hangUp()
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	code, err := p.Terminate()
	if err != nil {
		return err
	}
	seen["exit"] = fmt.Sprint(code)
	_, err = os.Lstat(p.Path("d.sock"))
	seen["socket"] = fmt.Sprint("gone: ", errors.Is(err, os.ErrNotExist))
	if p.config.restless() {
		return nil // there the tasks of the last moment are a matter of chance
	}
	all := strings.Split(p.told(func(event) bool { return true }), "\n")
	sort.Strings(all)
	seen["events"] = strings.Join(all, "\n")
	return nil
}
