package differential

import (
	"regexp"
	"slices"
)

// allowance is a difference that is meant: a row of docs/compatibility.md, and what it looks like here.
type allowance struct {
	row  string // the fact, as the row has it
	fits func(difference) bool
}

// path is a pattern of paths.
func path(pattern string) func(difference) bool {
	whole := regexp.MustCompile(`^(?:` + pattern + `)$`)
	return func(d difference) bool { return whole.MatchString(d.path) }
}

// by is a difference that comes of a step that the generator has marked for it.
func by(mark, paths string) func(difference) bool {
	fits := path(paths)
	return func(d difference) bool { return d.step.By == mark && fits(d) }
}

// onlyOurs is something that the original does not have at all.
func onlyOurs(paths string) func(difference) bool {
	fits := path(paths)
	return func(d difference) bool { return d.theirs == absent && fits(d) }
}

// recycles is that the original's listener was lost, and ours was not.
func recycles(mark string) func(difference) bool {
	fits := by(mark, `recycled\.pg_notify-producer`)
	return func(d difference) bool { return fits(d) && d.theirs == "1" && d.mine == "0" }
}

// ran is what is seen of a task that only one side has run.
const ran = `count\.(received|finished_count)|events\..*|produced\.socket-producer`

var allowances = map[string]allowance{
	"broken JSON": {"broken JSON becomes a task whose name is all of its text, arguments included", by("broken JSON", ran)},
	"blank line":  {"a blank line on the socket is such a task", by("blank", ran)},
	"args object": {"`args` that are an object give its keys as arguments", by("args object", `events\..*`)},
	"repeat": {"all chunks of a message a second time are a second message",
		by("repeat", ran+`|count\.control|chunks\.status\.successful_assemblies`)},
	"own cancel": {"a task that raises DispatcherCancel by itself counts as finished, since nobody has cancelled it",
		by("DispatcherCancel()", `count\.(finished|canceled)_count`)},
	"exit": {"a task raises SystemExit or KeyboardInterrupt: the process dies, and the task is counted as canceled later",
		func(d difference) bool {
			return (d.step.By == "SystemExit" || d.step.By == "KeyboardInterrupt") && path(`count\.(finished|canceled)_count|events\..*`)(d)
		}},
	"post_task": {"post_task raises: the process dies and the result is never sent",
		by("upset post_task", `count\.(finished|canceled)_count|events\..*`)},
	"result": {"null, list, dict, int and str are kept, by exact type",
		func(d difference) bool {
			return slices.Contains([]string{`"True"`, `"1.5"`, `"(1, 2)"`, "2.5"}, d.step.By) && path(`events\..*`)(d)
		}},
	"no text":       {"invalid UTF-8 likewise", by("no text", `reply\.\d+\.error`)},
	"module":        {"names of imported modules and helpers (`logging`, `asyncio`) are found, raise, and end the producer (a bug)", recycles("module")},
	"no name":       {"a `control` that is no string ends the producer (a bug)", recycles("no name")},
	"long reply_to": {"a `reply_to` of more than 63 bytes ends the producer (a bug)", recycles("long reply_to")},
	"no object":     {"`control_data` that is no object raises in some commands (a bug)", recycles("no object")},
	"judged again": {"a queued task is judged again when a worker is free, against what has come behind it: it may be blocked by its successor, or discarded for it",
		func(d difference) bool {
			return d.step.Kind == "rejudge" && path(`order|count\.finished_count|events.*`)(d)
		}},
	"every second": {"of several that match in a row only every second one is removed (a bug)",
		func(d difference) bool {
			return d.step.Kind == "row" && d.path == "hit at once" && d.they["in a row"] == "true"
		}},
	"long line": {"a line has at most 65536 bytes", by("long", ran)},
	"cut short": {"a last line without `\\n` before a half-close is handled and answered", by("cut short", ran+`|reply\.\d+\.error`)},
	"usage": {"the numbers of `usage` are those of tasks that were wanted at once, beyond max_workers too, as they were at the last look",
		path(`reply\.\d+\.(main\.)?pool\.usage\..*`)},
	"status": {"`status` has nothing else", onlyOurs(`reply\.\d+\.(notes|pool|supervisor|tasks)\..*`)},
	"connected": {"only that of Postgres has `broker_self_check` with enabled, success_count, average_time_seconds and max_time_seconds",
		onlyOurs(`reply\.\d+\.(producers\.)?pg_notify-producer\.(connected|last_error)`)},
	"places": {"a cancel numbers what it removes by the place that is left when those before it are gone (a bug)",
		func(d difference) bool {
			return d.step.Kind == "cancel" && path(`reply\.\d+\.(queued|blocked)-\d+.*`)(d) && slices.Equal(waiting(d.they), waiting(d.we))
		}},
	"module from a task": {"from a task, the names of imported modules are answered with `Failed to run control task`",
		by(`"logging"`, `events\..*`)},
	"empty name": {"an empty name is answered with `No control method` and nothing behind it", by("empty name", `reply\.\d+\.error`)},
	"waits of asyncio": {"there are waits for events: `exit_event_wait`, `NAME_recycle_event_wait`, `ScheduledProducer_kick_event_wait`, and a `worker_timeout_manager`",
		func(d difference) bool {
			return d.mine == absent && path(`reply\.\d+\.(aio_tasks\.)?(exit_event_wait|.*_(recycle|kick)_event_wait|worker_timeout_manager|Task-\d+)\.(done|stack)`)(d)
		}},
	"goroutines": {"an entry for each asyncio task, under its name, with `done` and `stack`",
		func(d difference) bool {
			return d.step.Kind == "ask" && onlyOurs(`reply\.\d+\..*\.(done|stack)`)(d)
		}},
}

// waiting is the uuids of the queued and blocked messages in a reply.
func waiting(s sight) (uuids []string) {
	is := regexp.MustCompile(`^reply\.\d+\.(queued|blocked)-\d+\.uuid$`)
	for path, uuid := range s {
		if is.MatchString(path) {
			uuids = append(uuids, uuid)
		}
	}
	slices.Sort(uuids)
	return uuids
}

// allowanceFor is the name of the allowance that a difference fits, "" for none.
func allowanceFor(d difference) string {
	for name, a := range allowances {
		if a.fits(d) {
			return name
		}
	}
	return ""
}
