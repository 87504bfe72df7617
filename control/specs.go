package control

// TaskLabel is the pprof label whose value names a goroutine in the reply to aio_tasks:
// whoever starts one calls pprof.Do with it. Goroutines that it starts inherit the label.
const TaskLabel = "task"

// Arg is one key of a command's control_data.
type Arg struct {
	Name     string
	Type     string // "text", "number" (seconds, where it is a time), "integer" or "json" (any value)
	Help     string // one line, lower case, no full stop
	Required bool
	// Choices are the words that dispatcherctl offers for it; empty for any. A daemon may know more.
	Choices []string
}

// Spec describes one control command.
type Spec struct {
	Name string
	Help string // one line, a sentence without its full stop
	Args []Arg
	Acts bool // it changes something; the others only read
}

// filter is what picks tasks in running and cancel.
var filter = []Arg{
	{Name: "task", Type: "text", Help: "only tasks of this name"},
	{Name: "uuid", Type: "text", Help: "only the task with this uuid"},
}

// Specs lists every control command there is: the daemon answers no other, dispatcherctl
// offers these. First come those of the original, in its order.
var Specs = []Spec{
	{Name: "running", Help: "List the tasks that run or wait", Args: filter},
	{Name: "cancel", Help: "Cancel tasks that run or wait", Args: filter, Acts: true},
	{Name: "alive", Help: "Ask whether the daemon answers"},
	{Name: "aio_tasks", Help: "List what runs inside of the daemon, with stacks", Args: []Arg{
		{Name: "limit", Type: "integer", Help: "calls to show of each stack, 6 if not given"},
	}},
	{Name: "workers", Help: "List the workers and what each is doing", Args: []Arg{
		{Name: "usage", Type: "json", Help: "true to measure what each takes"},
	}},
	{Name: "producers", Help: "List the sources of messages"},
	{Name: "metrics", Help: "Show how the page for Prometheus is served"},
	{Name: "main", Help: "Show the counters of the daemon and its pool"},
	{Name: "status", Help: "Show everything the daemon can tell about itself"},
	{Name: "chunks", Help: "Show the messages that came in parts, and those not yet complete"},
	{Name: "set_log_level", Help: "Change what the daemon logs", Acts: true, Args: []Arg{
		{
			Name: "level", Type: "text", Help: "what is logged from now on", Required: true,
			Choices: []string{"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"},
		},
	}},
	{Name: "memory", Help: "Show how much memory the daemon and each worker take"},
	{Name: "memory_offenders", Help: "List the tasks whose workers take the most memory", Args: []Arg{
		{Name: "limit", Type: "integer", Help: "how many to show, 10 if not given"},
		{Name: "group_by", Type: "text", Help: "type, which is by task"},
	}},
	{Name: "run", Help: "Submit a task", Acts: true, Args: []Arg{
		{Name: "task", Type: "text", Help: "dotted name of the task", Required: true},
		{Name: "args", Type: "json", Help: "list of positional arguments"},
		{Name: "kwargs", Type: "json", Help: "object of named arguments"},
		{Name: "uuid", Type: "text", Help: "label of the task"},
		{Name: "timeout", Type: "number", Help: "seconds the task may run"},
		{Name: "delay", Type: "number", Help: "seconds to wait before it starts"},
		{Name: "on_duplicate", Type: "text", Help: "parallel, serial, discard or queue_one"},
		{Name: "channel", Type: "text", Help: "label of the channel it belongs to"},
	}},
	{Name: "tasks", Help: "Count the tasks, by where they stand and how they ended"},
	{Name: "task", Help: "Show where the runs with a uuid stand, or how they ended", Args: []Arg{
		{Name: "uuid", Type: "text", Help: "label of the task", Required: true},
	}},
	{Name: "history", Help: "List the tasks that ended last", Args: []Arg{
		{Name: "task", Type: "text", Help: "only tasks of this name"},
		{Name: "outcome", Type: "text", Help: "only those that ended so", Choices: []string{
			"succeeded", "failed", "cancelled", "timed_out", "oom_killed", "killed", "exited", "crashed", "lost", "abandoned", "discarded", "rejected",
		}},
		{Name: "limit", Type: "integer", Help: "how many to show, 100 if not given"},
	}},
	{Name: "drain", Help: "Take nothing new, and wait for what runs", Acts: true, Args: []Arg{
		{Name: "resume", Type: "json", Help: "true to take tasks again"},
	}},
	{Name: "reload", Help: "Read the configuration again", Acts: true},
}

// Acts says whether there is such a command and it changes something.
func Acts(command string) bool { return needs(command) != reading }
