package workers

import "syscall"

// Death is how a worker's process has ended.
type Death struct {
	Code   int            // its exit code, when Signal is 0
	Signal syscall.Signal // that has ended it; 0 when it exited by itself
	Core   bool           // it has left a core
	// By is who sent the signal, in words, where that is known.
	By string
	// OOM says that it was the kernel's out-of-memory killer.
	OOM bool
	// Unknown says that nobody saw the end, since the supervisor is gone, or the process
	// did not end when it was killed.
	Unknown bool
}
