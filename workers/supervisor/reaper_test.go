package supervisor

import (
	"errors"
	"log/slog"
	"testing"

	"golang.org/x/sys/unix"
)

// The reaper itself runs in supervisor processes only; what must hold between
// reaping and registering is tested here, on its tables.

func TestChildThatEndsBeforeItIsRegisteredIsNotLost(t *testing.T) {
	t.Parallel()
	r := newReaper(slog.New(slog.DiscardHandler))
	r.expect()
	r.strays[41] = Exit{Code: 5} // as reap does
	ended := r.register(41, nil)
	r.settle()
	if exit := <-ended; exit.Code != 5 {
		t.Errorf("the end that was told is %s, want exit code 5", exit)
	}
	if r.has(41) {
		t.Error("a reaped pid counts as a child")
	}
}

func TestStraysAreForgottenWhenNoForkIsUnderWay(t *testing.T) {
	t.Parallel()
	r := newReaper(slog.New(slog.DiscardHandler))
	r.expect()
	r.expect()
	r.strays[41] = Exit{}
	r.settle()
	if len(r.strays) != 1 {
		t.Error("a stray was forgotten while a fork was under way")
	}
	r.settle()
	if len(r.strays) != 0 {
		t.Error("a stray is kept for ever")
	}
}

func TestNothingIsSentToAPidThatIsNotAChild(t *testing.T) {
	t.Parallel()
	r := newReaper(slog.New(slog.DiscardHandler))
	for _, pid := range []int{41, -41} {
		if err := r.signal(pid, unix.SIGKILL); !errors.Is(err, errEnded) {
			t.Errorf("signal to %d = %v, want that it has ended", pid, err)
		}
	}
}
