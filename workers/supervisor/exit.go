package supervisor

import (
	"fmt"
	"syscall"
	"time"

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
	// OOM means that the kernel's out-of-memory killer struck in the worker's cgroup.
	OOM        bool          `json:"oom,omitempty"`
	MaxRSS     int64         `json:"max_rss,omitempty"` // bytes
	UserTime   time.Duration `json:"user_time,omitempty"`
	SystemTime time.Duration `json:"system_time,omitempty"`
	// Survivors counts the processes that the worker left behind and that were
	// killed after it.
	Survivors int `json:"survivors,omitempty"`
}

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

// exitOf translates what wait4(2) said.
func exitOf(status syscall.WaitStatus, usage syscall.Rusage) Exit {
	exit := Exit{
		MaxRSS:     usage.Maxrss * 1024, // getrusage(2): in kilobytes on Linux
		UserTime:   time.Duration(usage.Utime.Nano()),
		SystemTime: time.Duration(usage.Stime.Nano()),
	}
	if status.Signaled() {
		exit.Signal = status.Signal()
		exit.Core = status.CoreDump()
	} else {
		exit.Code = status.ExitStatus()
	}
	return exit
}
