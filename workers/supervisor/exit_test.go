package supervisor

import (
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestExitInWords(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		exit Exit
		want string
	}{
		{Exit{}, "exit code 0"},
		{Exit{Code: 70}, "exit code 70"},
		{Exit{Signal: unix.SIGKILL}, "killed by SIGKILL"},
		{Exit{Signal: unix.SIGKILL, OOM: true}, "killed by SIGKILL: out of memory"},
		{Exit{Signal: unix.SIGSEGV, Core: true}, "killed by SIGSEGV (core dumped)"},
		{Exit{Signal: syscall.Signal(63)}, "killed by signal 63"},
		{Exit{Lost: true}, "the supervisor ended"},
		{Exit{GivenUp: true}, "it did not end although it was killed"},
		{Exit{Survivors: 1}, "exit code 0; a process that it left behind was killed"},
		{Exit{Signal: unix.SIGKILL, Survivors: 3}, "killed by SIGKILL; 3 processes that it left behind were killed"},
	} {
		if got := tt.exit.String(); got != tt.want {
			t.Errorf("%+v is %q, want %q", tt.exit, got, tt.want)
		}
	}
}

func TestWaitStatusIsTranslated(t *testing.T) {
	t.Parallel()
	usage := syscall.Rusage{Maxrss: 3, Utime: syscall.Timeval{Sec: 1, Usec: 500_000}, Stime: syscall.Timeval{Usec: 250}}
	// wait(2): the exit code in the second byte; or the signal in the first, with 0x80 for a core.
	if got := exitOf(0x0500, usage); got != (Exit{Code: 5, MaxRSS: 3072, UserTime: 1500 * time.Millisecond, SystemTime: 250 * time.Microsecond}) {
		t.Errorf("exit code 5: %+v", got)
	}
	if got := exitOf(0x8b, syscall.Rusage{}); got != (Exit{Signal: unix.SIGSEGV, Core: true}) {
		t.Errorf("SIGSEGV with a core: %+v", got)
	}
}
