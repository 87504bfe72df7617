package original

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// producers translates what the service produces by itself.
func (t *Translation) producers(f field) {
	if f.kind != mapping {
		t.problem(f, "must be a mapping, or be left out", f.typeName())
		return
	}
	for _, e := range f.entries {
		inner := f.at(e)
		switch {
		case e.key == "brokers":
			t.readmeBrokers(inner)
		case e.value.kind != mapping && !e.value.isNull():
			t.problem(inner, "must be a mapping with the producer's options", e.value.typeName())
		case e.key == "ScheduledProducer":
			t.tasks(inner, "task_schedule", "schedule")
		case e.key == "OnStartProducer":
			t.tasks(inner, "task_list", "on_start")
		case e.key == "ControlProducer":
			t.RefuseRun = false
			for _, option := range e.value.entries {
				t.note(inner.at(option), noArgument)
			}
		default:
			t.problem(inner, "is no producer: there are ScheduledProducer, OnStartProducer and ControlProducer", "")
		}
	}
}

// readmeBrokers explains the example that the original's README has from an earlier
// format.
func (t *Translation) readmeBrokers(f field) {
	t.problem(f, "must stand at the top, as brokers: (an example in the original's README has it here, from a format before version 2)", "")
	pg := f.inner("pg_notify")
	if pg.node == nil {
		return
	}
	if conninfo := pg.inner("conninfo"); conninfo.node != nil {
		t.problem(conninfo, "must stand in brokers.pg_notify.config, as config: {conninfo: ...}", "")
	}
}

// tasks translates a mapping of task names to options into a list of tasks.
func (t *Translation) tasks(f field, name, to string) {
	for _, e := range f.entries {
		if e.key != name {
			t.note(f.at(e), noArgument)
		}
	}
	tasks := f.inner(name)
	if tasks.node == nil || tasks.kind != mapping {
		t.problem(tasks, "must be a mapping of tasks to their options", given(tasks.node))
		return
	}
	all := []any{}
	for _, e := range tasks.entries {
		at := tasks.at(e)
		if e.value.kind != mapping {
			t.problem(at, "must be a mapping with the task's options, {} where it has none", e.value.typeName())
			continue
		}
		all = append(all, t.task(at, e.key, to, Element(to, len(all))))
	}
	if len(all) > 0 {
		t.set(to, all, tasks)
	}
}

// given names the type of what may be absent.
func given(n *node) string {
	if n == nil {
		return "nothing"
	}
	return n.typeName()
}

// task translates the options of one task, each of which is a key of its message but for
// the period.
func (t *Translation) task(f field, name, kind, key string) map[string]any {
	task := map[string]any{"task": name}
	more := map[string]any{}
	t.Places[key] = Place{f.line, f.key}
	put := func(name string, value any, from field) {
		task[name] = value
		t.Places[Join(key, name)] = Place{from.line, from.key}
	}
	for _, e := range f.entries {
		at := f.at(e)
		switch e.key {
		case "schedule":
			if kind != "schedule" {
				more[e.key] = e.value.plain()
			} else if d, ok := t.period(at); ok {
				put("every", d.String(), at)
			}
		case "task", "uuid":
			t.note(at, "has no effect: the producer sets it")
		case "timeout", "delay":
			if d, ok := t.maybe(at); ok {
				put(e.key, d.String(), at)
			}
		case "args", "kwargs":
			t.arguments(at, e.key, put, more)
		case "on_duplicate":
			if mode, _ := e.value.text(); slices.Contains([]string{"parallel", "serial", "discard", "queue_one"}, mode) {
				put(e.key, mode, at)
			} else {
				t.note(at, "is none of parallel, serial, discard and queue_one; it is treated as parallel, as the original treats it")
			}
		default:
			more[e.key] = e.value.plain()
		}
	}
	if kind == "schedule" && f.entry("schedule") == nil {
		t.problem(f.inner("schedule"), "must be given, the period in seconds", "")
	}
	if kind == "schedule" && task["every"] == nil {
		task["every"] = time.Second.String() // what is wrong with the period is said already
	}
	if len(more) > 0 {
		put("message", more, f)
	}
	return task
}

// period reads the seconds between two runs, which Python's float also takes from a text:
// a decimal one, and we want it finite.
func (t *Translation) period(f field) (time.Duration, bool) {
	if s, ok := f.text(); ok && !strings.ContainsAny(s, "xXnN") {
		if v, err := strconv.ParseFloat(strings.TrimSpace(s), 64); err == nil {
			f.node = &node{line: f.node.line, scalar: v}
		}
	}
	return t.duration(f)
}

// maybe reads a number of seconds of which false values mean none.
func (t *Translation) maybe(f field) (time.Duration, bool) {
	if f.falsy() {
		return 0, false
	}
	d, ok := t.duration(f)
	if f.key[strings.LastIndexByte(f.key, '.')+1:] == "delay" && d < 0 {
		return 0, false // due at once
	}
	return d, ok
}

// arguments puts what a task is called with into it. Empty ones are kept as keys of the
// message: for duplicates, they are not equal to none.
func (t *Translation) arguments(f field, name string, put func(string, any, field), more map[string]any) {
	want, text := list, "must be a list"
	if name == "kwargs" {
		want, text = mapping, "must be a mapping"
	}
	switch {
	case f.kind != want:
		t.problem(f, text, f.typeName())
	case f.falsy():
		more[name] = f.plain()
	default:
		put(name, f.plain(), f)
	}
}
