package supervisor

import (
	"fmt"
	"syscall"
	"time"

	"dispatcherd/cgroups"

	"golang.org/x/sys/unix"
)

// Exit is how a worker's process ended.
type Exit struct {
	Code   int            `json:"code,omitempty"`
	Signal syscall.Signal `json:"signal,omitempty"` // 0 when it exited by itself
	Core   bool           `json:"core,omitempty"`
	// Lost means that the supervisor itself is gone: how the worker ended, or
	// whether it has, is unknown, and the other fields are empty.
	Lost bool `json:"lost,omitempty"`
	// GivenUp means that nobody waits any longer for the end of a process that was
	// killed. It is the daemon's own verdict, and the other fields are empty.
	GivenUp bool `json:"-"`
	// OOM means that the kernel's out-of-memory killer has ended the worker's process.
	OOM        bool          `json:"oom,omitempty"`
	MaxRSS     int64         `json:"max_rss,omitempty"` // bytes
	UserTime   time.Duration `json:"user_time,omitempty"`
	SystemTime time.Duration `json:"system_time,omitempty"`
	// Survivors counts the processes that the worker left behind and that were
	// killed after it.
	Survivors int `json:"survivors,omitempty"`
	// By says who has killed it, as far as that is known; "" is nobody, or somebody.
	By string `json:"by,omitempty"`
	// Account is what was used since the last account, or since its process began: what it
	// used itself before its last task began must be taken off. Nil: nothing is known.
	Account *Account `json:"account,omitempty"`

	read, written int64           // bytes, of its own process
	counted       cgroups.Account // by its cage
}

// Who has killed a worker.
const (
	ByOrder = "the daemon"
	ByDrain = "the supervisor, which was told to end"
	ByOOM   = "the kernel's out-of-memory killer"
)

// String says it in words, for logs and replies.
func (e Exit) String() string {
	text := e.cause()
	switch {
	case e.Survivors == 1:
		text += "; a process that it left behind was killed"
	case e.Survivors > 1:
		text += fmt.Sprintf("; %d processes that it left behind were killed", e.Survivors)
	}
	return text
}

func (e Exit) cause() string {
	switch {
	case e.Lost:
		return "the supervisor ended"
	case e.GivenUp:
		return "it did not end although it was killed"
	case e.Signal == 0:
		return fmt.Sprintf("exit code %d", e.Code)
	}
	name := unix.SignalName(e.Signal)
	if name == "" {
		name = fmt.Sprintf("signal %d", int(e.Signal))
	}
	text := "killed by " + name
	if e.OOM {
		text += ": out of memory"
	}
	if e.Core {
		text += " (core dumped)"
	}
	return text
}

// blockSize is the unit of the block operations in rusage, in bytes.
const blockSize = 512

// exitOf translates what wait4(2) said.
func exitOf(status syscall.WaitStatus, usage syscall.Rusage) Exit {
	exit := Exit{
		MaxRSS:     usage.Maxrss * 1024, // getrusage(2): in kilobytes on Linux
		UserTime:   time.Duration(usage.Utime.Nano()),
		SystemTime: time.Duration(usage.Stime.Nano()),
	}
	exit.read, exit.written = usage.Inblock*blockSize, usage.Oublock*blockSize
	if status.Signaled() {
		exit.Signal = status.Signal()
		exit.Core = status.CoreDump()
	} else {
		exit.Code = status.ExitStatus()
	}
	return exit
}
