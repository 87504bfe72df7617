package dispatch

import (
	"cmp"
	"slices"

	"dispatcherd/daemon/message"
)

// find returns the tasks that match and their entries.
func (d *Dispatcher) find(matches func(*message.Message) bool) ([]*task, []Entry) {
	var tasks []*task
	var entries []Entry
	for state := Running; state < ended; state++ {
		begin := len(entries)
		for i, t := range d.lists[state].all() {
			if matches(t.message) {
				tasks = append(tasks, t)
				entries = append(entries, Entry{State: state, Index: i, Worker: t.worker, Since: t.since, Message: t.message})
			}
		}
		if state == Running {
			slices.SortStableFunc(entries[begin:], func(a, b Entry) int { return cmp.Compare(a.Worker, b.Worker) })
		}
	}
	return tasks, entries
}

// cancel interrupts or ends all that match. First all of them go, then what
// they held back is let go, in the order in which it was blocked.
func (d *Dispatcher) cancel(matches func(*message.Message) bool) []Entry {
	tasks, entries := d.find(matches)
	if slices.ContainsFunc(tasks, func(t *task) bool { return t.ahead }) {
		d.takeBack(d.runner.TakeBack())
	}
	var left []*twins
	hit := [ended]int{}
	for _, t := range tasks {
		hit[t.state]++
		if t.state == Running {
			d.runner.Cancel(t.seq)
			continue
		}
		if t.ahead { // it has just begun, or is on its way back
			t.doomed = true
			continue
		}
		if t.twins != nil {
			left = append(left, t.twins)
		}
		d.endWaiting(t)
	}
	slices.SortFunc(left, func(a, b *twins) int { return cmp.Compare(a.turn(), b.turn()) })
	for _, w := range left {
		d.settle(w)
	}
	if len(tasks) > 0 {
		d.log.Info("tasks cancelled", "running", hit[Running], "blocked", hit[Blocked], "queued", hit[Queued], "delayed", hit[Delayed])
	}
	return entries
}
