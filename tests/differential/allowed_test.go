package differential

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// allowance is a difference that is meant: a row of docs/compatibility.md, and what it looks like here.
type allowance struct {
	row  string // the fact, as the row has it
	fits func(difference) bool
}

// chances are the allowances that no seed needs for sure: a race of the original's decides about them, whose next
// look may come before or after the record of a dead worker is gone; or what a step finds to act upon.
var chances = []string{"worker too many", "twin of a dead one", "twin of a cancelled one", "status"}

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

// either is one of several.
func either(all ...func(difference) bool) func(difference) bool {
	return func(d difference) bool {
		return slices.ContainsFunc(all, func(fits func(difference) bool) bool { return fits(d) })
	}
}

// less is a count, in a step that is marked, of which we have so many less than the original.
func less(n int, mark, paths string) func(difference) bool {
	fits := shifted(n, paths)
	return func(d difference) bool { return d.step.By == mark && fits(d) }
}

// shifted is a count of which we have so many less.
func shifted(n int, paths string) func(difference) bool {
	fits := path(paths)
	return func(d difference) bool {
		theirs, err := strconv.Atoi(d.theirs)
		mine, err2 := strconv.Atoi(d.mine)
		return fits(d) && err == nil && err2 == nil && theirs-mine == n
	}
}

// ran is what is seen of a message that only one side has taken, and run if it is a task.
const ran = `count\.(received|control|finished_count)|produced\.socket-producer|chunks\.status\.successful_assemblies`

// onlyThey is a message that only the original has taken: it counts one more, and has seen all that we have.
func onlyThey(mark string) func(difference) bool {
	fits := by(mark, `events\.any worker`)
	return either(less(1, mark, ran), func(d difference) bool { return fits(d) && within(d.mine, d.theirs) })
}

// onlyWe is a message that only we have taken.
func onlyWe(mark string) func(difference) bool {
	fits := by(mark, `events\.any worker`)
	return either(less(-1, mark, ran), func(d difference) bool { return fits(d) && within(d.theirs, d.mine) })
}

// result is what a task has returned, in what post_task is told.
var result = regexp.MustCompile(`"result":"[^"]*"`)

func sorted(text string) []string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return lines
}

// died is a task that takes its worker along in the original, where it is canceled, and that has failed or
// succeeded here, where its worker leaves in order.
func died(mark string) func(difference) bool {
	events := by(mark, `events\.any worker`)
	return either(less(-1, mark, `count\.finished_count`), less(1, mark, `count\.canceled_count`),
		func(d difference) bool { return events(d) && within(d.theirs, d.mine) })
}

// diedAlone is the same where our worker stays, so that only the original has a new one.
func diedAlone(mark string) func(difference) bool {
	fits := died(mark)
	return either(fits, less(1, mark, `count\.next_worker_id`), func(d difference) bool {
		d.theirs = strings.Join(slices.DeleteFunc(sorted(d.theirs), func(event string) bool { return event == "on_start {}" }), "\n")
		return fits(d)
	})
}

// within says whether all lines of a text are among those of another.
func within(text, other string) bool {
	if text == absent || text == "" {
		return true
	}
	left := strings.Split(other, "\n")
	for line := range strings.SplitSeq(text, "\n") {
		i := slices.Index(left, line)
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return true
}

// onlyOurs is something that the original does not have at all.
func onlyOurs(paths string) func(difference) bool {
	fits := path(paths)
	return func(d difference) bool { return d.theirs == absent && fits(d) }
}

// refusal is an error that only we answer.
func refusal(mark string) func(difference) bool {
	fits := onlyOurs(`reply\.\d+\.error`)
	return func(d difference) bool { return d.step.By == mark && fits(d) }
}

// recycles is that the original's listener was lost, and ours was not.
func recycles(mark string) func(difference) bool {
	fits := by(mark, `recycled\.pg_notify-producer`)
	return func(d difference) bool { return fits(d) && d.theirs == "1" && d.mine == "0" }
}

var allowances = map[string]allowance{
	"broken JSON": {"broken JSON becomes a task whose name is all of its text, arguments included", onlyThey("broken JSON")},
	"blank line":  {"a blank line on the socket is such a task", onlyThey("blank")},
	"args object": {"`args` that are an object give its keys as arguments",
		func(d difference) bool {
			return by("args object", `events\.any worker`)(d) && within(d.mine, d.theirs)
		}},
	"repeat": {"all chunks of a message a second time are a second message",
		onlyThey("repeat")},
	"own cancel": {"a task that raises DispatcherCancel by itself counts as finished, since nobody has cancelled it",
		either(less(1, "DispatcherCancel()", `count\.finished_count`), less(-1, "DispatcherCancel()", `count\.canceled_count`))},
	"failed when cancelled": {"`done` with an active cancel and the result `<cancel>` is canceled, else finished",
		func(d difference) bool {
			n := 0
			for path, events := range d.they {
				if strings.HasPrefix(path, "events.") {
					n += strings.Count(events, `is cancelled {"how":"ValueError`)
				}
			}
			return n > 0 && either(shifted(n, `count\.finished_count`), shifted(-n, `count\.canceled_count`))(d)
		}},
	"exit": {"a task raises SystemExit or KeyboardInterrupt: the process dies, and the task is counted as canceled later",
		either(died("SystemExit"), died("KeyboardInterrupt"))},
	"exit in pre_task": {"SystemExit in pre_task: the process dies, and the result is lost", died("exit in pre_task")},
	"odd followers":    {"malformed ones kill the worker, and the task counts as canceled [B]", diedAlone("odd followers")},
	"nesting":          {"nesting beyond what Python's stack takes is text that is no JSON", onlyThey("nesting")},
	"long integer": {"an integer of any length is taken",
		either(less(1, "long integer", `chunks\.status\.timed_out_assemblies`), less(-1, "long integer", `chunks\.status\.errored_assemblies`))},
	"raises":    {"an exception of a command is not caught and ends the producer (a bug)", recycles("raises")},
	"post_task": {"post_task raises: the process dies and the result is never sent", died("upset post_task")},
	"result": {"null, list, dict, int and str are kept, by exact type",
		func(d difference) bool {
			return slices.Contains([]string{`"True"`, `"1.5"`, `"(1, 2)"`, "2.5"}, d.step.By) && path(`events\.any worker`)(d) &&
				slices.Equal(sorted(result.ReplaceAllString(d.theirs, "")), sorted(result.ReplaceAllString(d.mine, "")))
		}},
	"no text":       {"invalid UTF-8 likewise", refusal("no text")},
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
	"long line": {"a line has at most 65536 bytes", onlyWe("long")},
	"cut short": {"a last line without `\\n` before a half-close is handled and answered",
		either(onlyThey("cut short"), refusal("cut short"))},
	"usage": {"the numbers of `usage` are those of tasks that were wanted at once, beyond max_workers too, as they were at the last look",
		path(`reply\.\d+\.(main\.)?pool\.usage\..*`)},
	"status": {"`status` has nothing else", onlyOurs(`reply\.\d+\.(limits|notes|pool|supervisor|tasks)\..*`)},
	"connected": {"only that of Postgres has `broker_self_check` with enabled, success_count, average_time_seconds and max_time_seconds",
		onlyOurs(`reply\.\d+\.(producers\.)?pg_notify-producer\.(connected|last_error)`)},
	"places": {"a cancel numbers what it removes by the place that is left when those before it are gone (a bug)",
		func(d difference) bool {
			return d.step.Kind == "cancel" && path(`reply\.\d+\.(queued|blocked)-\d+.*`)(d) && slices.Equal(waiting(d.they), waiting(d.we))
		}},
	"module from a task": {"from a task, the names of imported modules are answered with `Failed to run control task`",
		func(d difference) bool {
			ours := strings.Replace(d.mine, "No control method logging", "Failed to run control task", 1)
			return by(`"logging"`, `events\.any worker`)(d) && d.theirs == ours
		}},
	"empty name": {"an empty name is answered with `No control method` and nothing behind it",
		func(d difference) bool {
			return by("empty name", `reply\.\d+\.error`)(d) && d.theirs == `"No control method "`
		}},
	"waits of asyncio": {"there are waits for events: `exit_event_wait`, `NAME_recycle_event_wait`, `ScheduledProducer_kick_event_wait`, and a `worker_timeout_manager`",
		func(d difference) bool {
			return d.mine == absent && path(`reply\.\d+\.(aio_tasks\.)?(exit_event_wait|.*_(recycle|kick)_event_wait|worker_timeout_manager|Task-\d+)\.(done|stack)`)(d)
		}},
	"goroutines": {"an entry for each asyncio task, under its name, with `done` and `stack`",
		func(d difference) bool {
			return d.step.Kind == "ask" && onlyOurs(`reply\.\d+\..*\.(done|stack)`)(d)
		}},
	"date": {"headers are Content-Type, Content-Length, Connection", onlyOurs(`header\.Date`)},
	"our series": {"nothing about the process",
		onlyOurs(`series\.(process|go|promhttp|dispatcherd)_.*`)},
	"earlier series": {"`dispatcher_worker_status` for each `worker_index` and each of eight states, 0 or 1 (earlier releases)",
		onlyOurs(`series\.dispatcher_worker_(created_at|finished_count|status)[.{].*`)},
	"page at the root":   {"earlier releases show the page at `/`", onPage("page at the root")},
	"head":               {"`HEAD` is 404, and the body is sent too", by("head", `body|header\.Content-Length`)},
	"no request":         {"the body of a 400 is `Bad Request`, with a Content-Length", by("no request", `body|header\.Content-Length`)},
	"request of no text": {"a request line that is not UTF-8 is 400", onPage("request of no text")},
	"headers":            {"headers are hardly read: a line that is none, or HTTP/1.1 without `Host`, does no harm", onPage("headers")},
	"silent":             {"they are 408 `Request Timeout`", onPage("silent")},
	"no headers":         {"so is that within the headers", onPage("no headers")},
	"worker too many":    {"it stays the current task of the record: in `running`, among the active, blocking duplicates, for 30 s", tooMany},
	"connected at the end": {"with a client connected the stop raises, and the file stays",
		func(d difference) bool {
			return d.step.By == "connected" && d.path == "socket" && d.theirs == "gone: false" && d.mine == "gone: true"
		}},
	"checks": {"the service's own self-checks are messages, run on a worker, and raise the counts of received and finished",
		func(d difference) bool {
			return d.path == "checks are counted" && d.theirs == "true" && d.mine == "false"
		}},
	"twin of a dead one": {"a blocked equal of a task whose worker has died stays blocked, after the record is gone, until some other task ends (a bug)",
		letsGo("1")},
	"twin of a cancelled one": {"a blocked task whose equal is cancelled in the queue stays blocked until some other task ends (a bug)",
		letsGo("0")},
	"text as delay":   {"`delay`: text stays listed, and makes each later delayed message fail", goesOn("text as delay")},
	"text as timeout": {"`timeout`: text breaks the timeouts of all tasks, or ends the service", goesOn("text as timeout")},
	"cancel without object": {"`control_data` that is no object ends the producer",
		goesOn("cancel without object")},
	"raises on the socket": {"after an exception while processing the socket is dead for good, and every client is cut off",
		goesOn("raises on the socket")},
	"raises when due": {"an exception as it fires ends the service", goesOn("raises when due")},
	"no pickle":       {"a list or dict that holds what cannot be pickled: the worker is busy for ever [B]", goesOn("no pickle")},
}

// tooMany is that the original starts a worker for what a dead one still runs there, which leaves again.
func tooMany(d difference) bool {
	const started = "count.next_worker_id"
	if d.step.Kind != "kill" && !d.step.deadly() || !shifted(1, started)(difference{path: started, theirs: d.they[started], mine: d.we[started]}) {
		return false
	}
	theirs, mine := unstaffed(d.theirs), unstaffed(d.mine)
	return d.path == started || strings.HasPrefix(d.path, "events.") &&
		(theirs == mine || d.step.By != "" && died(d.step.By)(difference{step: d.step, path: d.path, theirs: theirs, mine: mine}))
}

// unstaffed is events without the coming and going of workers.
func unstaffed(text string) string {
	return strings.Join(slices.DeleteFunc(sorted(text), func(event string) bool {
		return event == "on_start {}" || event == "on_shutdown {}" || event == absent
	}), "\n")
}

// onPage is an answer of the page of metrics that is another, and is counted otherwise.
func onPage(mark string) func(difference) bool {
	return by(mark, `answer|body|header\..*|series\..*|http_server\..*`)
}

// letsGo is that only we let the blocked equal of a task go that is lost, of which so many have died.
func letsGo(died string) func(difference) bool {
	return func(d difference) bool {
		return d.step.Kind == "twin" && d.path == "let go at once" && d.theirs == "false" && d.mine == "true" && d.they["count.canceled_count"] == died
	}
}

// goesOn is that only we go on.
func goesOn(mark string) func(difference) bool {
	fits := by(mark, "goes on")
	return func(d difference) bool { return fits(d) && d.theirs == "false" && d.mine == "true" }
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
