package control

// Arg is one key of a command's control_data.
type Arg struct {
	Name     string
	Type     string // "text", "number" (seconds, where it is a time) or "json" (any value)
	Help     string // one line, lower case, no full stop
	Required bool
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

// Specs lists every control command there is: the daemon answers no other, dispatcherctl offers these.
var Specs = []Spec{
	{Name: "alive", Help: "Ask whether the daemon answers"},
	{Name: "running", Help: "List the tasks that run or wait", Args: filter},
	{Name: "workers", Help: "List the workers and what each is doing"},
	{Name: "main", Help: "Show the counters of the daemon and its pool"},
	{Name: "status", Help: "Show everything the daemon can tell about itself"},
	{Name: "producers", Help: "List the sources of messages"},
	{Name: "metrics", Help: "Show how the page for Prometheus is served"},
	{Name: "cancel", Help: "Cancel tasks that run or wait", Args: filter, Acts: true},
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
}
