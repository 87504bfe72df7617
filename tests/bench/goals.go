package main

import "fmt"

// goal is a row of the table that says how good we have to be.
type goal struct {
	about, want string
	judge       func(r *results) (measured string, reached, ok bool)
}

var goals = []goal{
	{"no-op tasks, 50 000 at once, 4 workers", "≥ 15 × the original", faster("50 000 at once, 4 workers: tasks per second", 15)},
	{"the same, of what the bare parts allow", "≥ 60 %", share("50 000 at once, 4 workers: tasks per second", "listener and loops together, on all CPUs", 0.6)},
	{"no-op tasks, 10 000 at once, 4 workers", "≥ 10 × the original", faster("10 000 at once, 4 workers: tasks per second", 10)},
	{"no-op tasks, 1 worker", "≥ 8 × the original", faster("10 000 at once, 1 worker: tasks per second", 8)},
	{"no-op tasks, 12 workers", "≥ 15 × the original", faster("10 000 at once, 12 workers: tasks per second", 15)},
	{"CPU per no-op task, daemon", "≤ 15 µs", most("50 000 at once, 4 workers: CPU per task, main process", 15)},
	{"CPU per no-op task, worker", "≤ 25 µs", most("50 000 at once, 4 workers: CPU per task, workers", 25)},
	{"NOTIFY to first line, p50, to the bare path", "≤ 1.5 ×", beside("NOTIFY to the first line, p50", bare, 1.5)},
	{"NOTIFY to first line, p99, to the bare path", "≤ 1.5 ×", beside("NOTIFY to the first line, p99", bare, 1.5)},
	{"NOTIFY to first line, p50, to the original", "≤ 0.5 ×", beside("NOTIFY to the first line, p50", original, 0.5)},
	{"NOTIFY to first line, p99, to the original", "≤ 0.5 ×", beside("NOTIFY to the first line, p99", original, 0.5)},
	{"socket to first line, p50, to the bare path", "≤ 1.5 ×", beside("socket to the first line, p50", bare, 1.5)},
	{"socket to first line, p99, to the bare path", "≤ 1.5 ×", beside("socket to the first line, p99", bare, 1.5)},
	{"socket to first line, p50, to the original", "≤ 0.5 ×", beside("socket to the first line, p50", original, 0.5)},
	{"socket to first line, p99, to the original", "≤ 0.5 ×", beside("socket to the first line, p99", original, 0.5)},
	{"alive, while tasks are taken in, p99", "≤ 2 ms", most("alive while tasks are taken in, p99", 2)},
	{"alive, while tasks are queued, p99", "≤ 2 ms", most("alive while tasks are queued, p99", 2)},
	{"main, while tasks are queued, p99", "≤ 2 ms", most("main while tasks are queued, p99", 2)},
	{"running, 10 000 queued", "≤ 20 ms", most("running with 10 000 queued, p50", 20)},
	{"alive beside it, longest", "≤ 2 ms", most("alive meanwhile, longest", 2)},
	{"memory per queued task of 200 bytes", "≤ 500 B", most("live heap for each queued task of 200 bytes", 500)},
	{"drain of a long queue (100 000, in a quick round 50 000) to that of 1 000", "within 10 %", flat},
	{"each serial duplicate", "≤ 5 µs", most("each equal task, serial", 5)},
	{"each discard duplicate", "≤ 5 µs", most("each equal task, discard", 5)},
	{"each queue_one duplicate", "≤ 5 µs", most("each equal task, queue_one", 5)},
	{"delayed tasks due at once (10 000, in a quick round 2 000), the last one", "≤ 1 s late", most("last of the tasks that are due at once, late by", 1000)},
	{"the first one of them", "not early", least("the earliest of them, late by", 0)},
	{"1 to 12 workers, all busy", "≤ 0.3 s", most("from 1 to 12 workers, all busy", 300)},
	{"one more worker", "≤ 40 ms", most("one more worker, busy", 40)},
	{"start to 4 ready workers", "≤ 0.4 s", most("start to 4 ready workers", 400)},
	{"memory, daemon, idle", "≤ 20 MB", most("memory, main process", 20)},
	{"memory, supervisor, idle", "≤ 10 MB", most("memory, supervisor", 10)},
	{"memory of each further worker", "≤ 3 MB", most("memory of each further worker", 3)},
	{"CPU, idle, everything together", "≤ 1 ms per second", most("CPU of everything, idle, in a second", 1)},
	{"1 MB arguments through chunks", "≥ 20 MB/s", least("arguments of 1 MB", 20)},
}

// most is reached by a figure of ours that is not above a bound.
func most(name string, bound float64) func(*results) (string, bool, bool) {
	return func(r *results) (string, bool, bool) {
		value, ok := r.median(ours, name)
		return r.cell(ours, name), value <= bound, ok
	}
}

// least is reached by a figure of ours that is not below a bound.
func least(name string, bound float64) func(*results) (string, bool, bool) {
	return func(r *results) (string, bool, bool) {
		value, ok := r.median(ours, name)
		return r.cell(ours, name), value >= bound, ok
	}
}

// faster is reached when ours is so many times the original's figure.
func faster(name string, times float64) func(*results) (string, bool, bool) {
	return func(r *results) (string, bool, bool) {
		value, ok := r.ratio(name, ours, name, original)
		return fmt.Sprintf("%.1f ×", value), value >= times, ok
	}
}

// beside is reached when ours is at most so many times that of another one.
func beside(name string, other contestant, times float64) func(*results) (string, bool, bool) {
	return func(r *results) (string, bool, bool) {
		value, ok := r.ratio(name, ours, name, other)
		return fmt.Sprintf("%.2f ×", value), value <= times, ok
	}
}

// share is reached when ours is such a part of a figure of the bare parts.
func share(name, whole string, part float64) func(*results) (string, bool, bool) {
	return func(r *results) (string, bool, bool) {
		value, ok := r.ratio(name, ours, whole, bare)
		return fmt.Sprintf("%.0f %%", 100*value), value >= part, ok
	}
}

// flat is reached when a long queue is drained as fast as a short one.
func flat(r *results) (string, bool, bool) {
	value, ok := r.ratio("drain of a long queue", ours, "drain of 1 000 queued tasks", ours)
	return fmt.Sprintf("%.2f ×", value), value >= 0.9 && value <= 1.1, ok
}

func (r *results) ratio(name string, c contestant, other string, of contestant) (float64, bool) {
	a, ok := r.median(c, name)
	b, also := r.median(of, other)
	if !ok || !also || b == 0 {
		return 0, false
	}
	return a / b, true
}
