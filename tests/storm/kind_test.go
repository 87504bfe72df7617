package storm

import "syscall"

// kind is one thing that a task of the storm does.
type kind struct {
	task    string         // of project/storm_tasks.py
	args    []any          // after its uuid
	more    map[string]any // keys of its message
	outcome string         // how ours tells its end
	ends    bool           // it says that it has come to its end
	cancel  bool           // the storm cancels it once it has begun
}

// The kinds of the flood itself.
const (
	mark = "nothing"
	nap  = "sleep 10 ms"
	long = "sleep 3 s"
)

// calm are the kinds that do their work and end.
var calm = map[string]kind{
	mark: {task: "mark", outcome: "succeeded", ends: true},
	nap:  {task: "nap", args: []any{0.01}, outcome: "succeeded", ends: true},
	long: {task: "nap", args: []any{3}, outcome: "succeeded", ends: true},
}

func followed(by string) map[string]any {
	return map[string]any{"callbacks": []any{map[string]any{"task": "storm_tasks." + by}}}
}

var soon = map[string]any{"timeout": 0.3}

// deaths are the ways in which tasks die, or trouble whoever runs them.
var deaths = map[string]kind{
	"a result that cannot be pickled":       {task: "unpicklable", outcome: "succeeded", ends: true},
	"a line of 1 MiB":                       {task: "chatter", outcome: "succeeded", ends: true},
	"a process that is left behind":         {task: "leave_child", outcome: "succeeded", ends: true},
	"a thread that is left behind":          {task: "leave_thread", outcome: "succeeded", ends: true},
	"a fork that comes back twice":          {task: "fork", outcome: "succeeded", ends: true},
	"DispatcherExit":                        {task: "ask_to_leave", outcome: "succeeded", ends: true},
	"os._exit":                              {task: "leave", outcome: "exited"},
	"exec of another program":               {task: "become_another", outcome: "exited"},
	"every descriptor closed":               {task: "close_everything", outcome: "exited"},
	"SIGSEGV to itself":                     {task: "send_itself", args: []any{int(syscall.SIGSEGV)}, outcome: "crashed"},
	"SIGABRT to itself":                     {task: "send_itself", args: []any{int(syscall.SIGABRT)}, outcome: "crashed"},
	"SIGKILL to itself":                     {task: "send_itself", args: []any{int(syscall.SIGKILL)}, outcome: "killed"},
	"SIGTERM to itself":                     {task: "send_itself", args: []any{int(syscall.SIGTERM)}, outcome: "killed"},
	"SIGSTOP to itself, with a timeout":     {task: "send_itself", args: []any{int(syscall.SIGSTOP)}, more: soon, outcome: "timed_out"},
	"SystemExit":                            {task: "system_exit", outcome: "failed"},
	"KeyboardInterrupt":                     {task: "interrupt", outcome: "failed"},
	"an exception that cannot be pickled":   {task: "raise_unpicklable", outcome: "failed"},
	"an exception without a text":           {task: "raise_silent", outcome: "failed"},
	"recursion without end":                 {task: "recurse", outcome: "failed"},
	"MemoryError":                           {task: "memory_error", outcome: "failed"},
	"a callback that raises":                {task: "mark", more: followed("fail"), outcome: "succeeded", ends: true},
	"a callback that calls os._exit":        {task: "mark", more: followed("callback_leaves"), outcome: "exited", ends: true},
	"a timeout":                             {task: "nap", args: []any{30}, more: soon, outcome: "timed_out"},
	"a timeout that is swallowed":           {task: "deaf", more: soon, outcome: "timed_out"},
	"a timeout of one that hears no signal": {task: "block_signals", more: soon, outcome: "timed_out"},
	"a cancel":                              {task: "nap", args: []any{30}, outcome: "cancelled", cancel: true},
}

// kindOf finds a kind by its name.
func kindOf(name string) kind {
	if k, ok := calm[name]; ok {
		return k
	}
	return deaths[name]
}
