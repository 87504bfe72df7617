package dispatch

import (
	"cmp"
	"slices"

	"dispatcherd/daemon/message"
)

// find returns the tasks that match and their entries. matches is nil for all.
func (d *Dispatcher) find(matches func(*message.Message) bool) ([]*task, []Entry) {
	var tasks []*task
	var entries []Entry
	if matches == nil {
		all := 0
		for state := Running; state < ended; state++ {
			all += d.lists[state].n
		}
		tasks, entries = make([]*task, 0, all), make([]Entry, 0, all)
	}
	for state := Running; state < ended; state++ {
		begin := len(entries)
		for i, t := range d.lists[state].all() {
			if matches == nil || matches(t.message) {
				tasks = append(tasks, t)
				entries = append(entries, Entry{State: state, Index: i, Worker: int(t.worker), Since: t.since.time(), Message: t.message})
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
	var left []message.Key
	hit := [ended]int{}
	for _, t := range tasks {
		hit[t.state]++
		if t.state == Running {
			d.runner.Cancel(t.seq)
			continue
		}
		if t.ahead { // it has just begun, or is on its way back
			t.rare().doomed = true
			continue
		}
		if t.state != Delayed {
			left = append(left, t.message.Key)
		}
		d.endWaiting(t)
	}
	slices.SortFunc(left, func(a, b message.Key) int { return cmp.Compare(d.registry.turn(a), d.registry.turn(b)) })
	for _, key := range left {
		d.settle(key)
	}
	if len(tasks) > 0 {
		d.log.Info("tasks cancelled", "running", hit[Running], "blocked", hit[Blocked], "queued", hit[Queued], "delayed", hit[Delayed])
	}
	return entries
}
