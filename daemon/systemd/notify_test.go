package systemd

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// told is a notifier, and what it has sent.
func told() (*Notifier, *[]string) {
	var sent []string
	return &Notifier{log: slog.New(slog.DiscardHandler), send: func(state string) (bool, error) {
		sent = append(sent, state)
		return true, nil
	}}, &sent
}

func TestEachWordIsSentAsTheManagerReadsIt(t *testing.T) {
	t.Parallel()
	n, sent := told()
	n.Status("starting")
	n.Ready("up")
	n.Status("up") // known
	n.Extend(90 * time.Second)
	n.Alive()
	n.Stopping("stopping")
	want := []string{
		"STATUS=starting", "READY=1\nSTATUS=up", "EXTEND_TIMEOUT_USEC=90000000", "WATCHDOG=1", "STOPPING=1\nSTATUS=stopping",
	}
	if !slices.Equal(*sent, want) {
		t.Errorf("sent %q, want %q", *sent, want)
	}
}

func TestReloadIsSentWithItsTime(t *testing.T) {
	t.Parallel()
	n, sent := told()
	n.Reloading("reloading")
	n.Reloading("reloading")
	if len(*sent) != 2 {
		t.Fatalf("sent %q, want two messages", *sent)
	}
	if ok, err := regexp.MatchString(`\ARELOADING=1\nMONOTONIC_USEC=[1-9]\d*\nSTATUS=reloading\z`, (*sent)[0]); !ok || err != nil {
		t.Errorf("sent %q", (*sent)[0])
	}
}

func TestFailureIsSentWithItsFirstLineAndNumber(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errors.New("no python"), "STATUS=no python"},
		{errors.New("one\ntwo\nthree"), "STATUS=one (and 2 more)"},
		{fmt.Errorf("listen: %w", syscall.EACCES), "ERRNO=13\nSTATUS=listen: permission denied"},
	} {
		n, sent := told()
		n.Failed(tt.err)
		if !slices.Equal(*sent, []string{tt.want}) {
			t.Errorf("Failed(%q) sent %q, want %q", tt.err, *sent, tt.want)
		}
	}
}

func TestStatusIsOneLineOfBoundedLength(t *testing.T) {
	t.Parallel()
	n, sent := told()
	n.Status("a\nREADY=1\x00b\xff")
	n.Status(strings.Repeat("é", longestStatus))
	want := []string{"STATUS=a READY=1 b\ufffd", "STATUS=" + strings.Repeat("é", longestStatus/2) + "…"}
	if !slices.Equal(*sent, want) {
		t.Errorf("sent %q, want %q", *sent, want)
	}
}

func TestManagerThatCannotBeToldIsLoggedOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	gone := true
	n := &Notifier{log: slog.New(slog.NewTextHandler(&log, nil)), send: func(string) (bool, error) {
		if gone {
			return false, syscall.ECONNREFUSED
		}
		return true, nil
	}}
	n.Alive()
	n.Alive()
	gone = false
	n.Alive()
	gone = true
	n.Alive()
	if lines := strings.Count(log.String(), "\n"); lines != 2 { // once for each time that it was lost
		t.Errorf("logged %d lines, want 2:\n%s", lines, &log)
	}
}

func TestEnvironmentOfAChildNamesNoManager(t *testing.T) {
	t.Parallel()
	own := []string{"HOME=/", "NOTIFY_SOCKET=/n", "LISTEN_FDS=1", "LISTEN_PID=2", "WATCHDOG_USEC=3", "CREDENTIALS_DIRECTORY=/c", "JOURNAL_STREAM=8:9"}
	if got, want := Environ(own), []string{"HOME=/", "JOURNAL_STREAM=8:9"}; !slices.Equal(got, want) || len(own) != 7 {
		t.Errorf("Environ(…) = %q, want %q; its argument is %q", got, want, own)
	}
}

func TestReadyIsOneOfTwoWords(t *testing.T) {
	t.Parallel()
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	err := Config{Ready: "soon"}.Validate()
	if want := `service.ready: must be "working" or "socket", got "soon"`; err == nil || err.Error() != want {
		t.Errorf("Validate() = %v, want %s", err, want)
	}
}
