package workers

import "syscall"

// Outcome says how a task that a worker was given has ended.
type Outcome string

// The ways in which a task ends. The first three are its own; the others are ends that
// somebody or something else has made.
const (
	Succeeded Outcome = "succeeded"
	Failed    Outcome = "failed"
	Cancelled Outcome = "cancelled" // as it was asked for

	TimedOut  Outcome = "timed_out"  // its timeout was over
	Abandoned Outcome = "abandoned"  // the service stops
	OOMKilled Outcome = "oom_killed" // the kernel ended its worker for want of memory
	Killed    Outcome = "killed"     // a signal ended its worker
	Quit      Outcome = "exited"     // its worker exited under it, with a code
	Crashed   Outcome = "crashed"    // a signal that tells of a fault ended its worker
	Lost      Outcome = "lost"       // nobody saw how it ended
)

// Outcome is that of a task whose worker has ended so.
func (d Death) Outcome() Outcome {
	switch {
	case d.Unknown:
		return Lost
	case d.OOM:
		return OOMKilled
	case d.Signal == 0:
		return Quit
	case d.Core || isFault(d.Signal):
		return Crashed
	default:
		return Killed
	}
}

// isFault says whether a signal is one by which the kernel ends a process that has made
// a mistake, or by which it ends itself for one (abort(3)).
func isFault(s syscall.Signal) bool {
	switch s {
	case syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGABRT, syscall.SIGTRAP, syscall.SIGSYS:
		return true
	default:
		return false
	}
}
