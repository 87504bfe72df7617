package workers

// State is where a worker is in its life.
type State string

// The states of a worker, in order.
const (
	// Starting: its process is being started or has not yet said hello.
	Starting State = "starting"
	// Ready: it waits for a task.
	Ready State = "ready"
	// Busy: it runs a task.
	Busy State = "busy"
	// Stopping: it was told to leave, said that it leaves, or was killed while
	// it ran no task.
	Stopping State = "stopping"
	// Retired: its process has ended in order, after it was told or said that it leaves.
	Retired State = "retired"
	// Errored: its process has ended in any other way, or could not be started.
	Errored State = "error"
)

// takesTasks says whether a worker in this state is, or soon will be, of use.
func (s State) takesTasks() bool {
	return s == Starting || s == Ready || s == Busy
}
