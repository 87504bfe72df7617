// Package systemd is everything that is said to or heard from the service manager:
// the state of the service, its watchdog, the sockets that were opened for it, and
// whether a stop is part of a restart. Without a service manager it does nothing.
package systemd

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// longestStatus bounds, in bytes, a status: systemctl shows it on one line.
const longestStatus = 400

// Notifier tells the service manager how the service is (sd_notify(3)). None of its
// methods blocks or fails: a manager that cannot be reached is logged once.
type Notifier struct {
	log  *slog.Logger
	send func(state string) (bool, error)

	mu     sync.Mutex // guards the fields below, and keeps messages in order
	status string     // as it was told last
	deaf   bool       // the manager could not be told, and that was logged
}

// NewNotifier returns a notifier for the socket that NOTIFY_SOCKET names.
func NewNotifier(log *slog.Logger) *Notifier {
	return &Notifier{log: log, send: func(state string) (bool, error) { return daemon.SdNotify(false, state) }}
}

// Managed says whether there is a service manager that wants to be told.
func Managed() bool { return os.Getenv("NOTIFY_SOCKET") != "" }

// Ready says that the service is up, or that a reload is over.
func (n *Notifier) Ready(status string) { n.tell(status, daemon.SdNotifyReady) }

// Status says in one line how the service is. The same line is not sent twice.
func (n *Notifier) Status(status string) { n.tell(status) }

// Reloading says that the configuration is being read anew. Ready must follow.
func (n *Notifier) Reloading(status string) {
	n.tell(status, daemon.SdNotifyReloading, strings.TrimSuffix(daemon.SdNotifyMonotonicUsec(), "\n"))
}

// Stopping says that the service begins to end.
func (n *Notifier) Stopping(status string) { n.tell(status, daemon.SdNotifyStopping) }

// Extend asks for so much more time, from now on, to start or to stop.
func (n *Notifier) Extend(by time.Duration) {
	n.tell("", fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", by.Microseconds()))
}

// Alive feeds the watchdog.
func (n *Notifier) Alive() { n.tell("", daemon.SdNotifyWatchdog) }

// Failed says why the service ends: the first line of err, and the kernel's number for
// it where there is one.
func (n *Notifier) Failed(err error) {
	text, rest, _ := strings.Cut(err.Error(), "\n")
	if more := strings.Count(rest, "\n") + 1; rest != "" {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	var words []string
	var number syscall.Errno
	if errors.As(err, &number) && number != 0 {
		words = append(words, fmt.Sprintf("ERRNO=%d", int(number)))
	}
	n.tell(text, words...)
}

// tell sends words in one message, with the status unless it is empty or known.
func (n *Notifier) tell(status string, words ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if status = oneLine(status); status != "" && status != n.status {
		n.status = status
		words = append(words, "STATUS="+status)
	}
	if len(words) == 0 {
		return
	}
	_, err := n.send(strings.Join(words, "\n"))
	if err != nil && !n.deaf {
		n.log.Warn("the service manager cannot be told how the service is", "err", err)
	}
	n.deaf = err != nil
}

// oneLine makes a status of any text.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
	if len(text) > longestStatus {
		text = strings.ToValidUTF8(text[:longestStatus], "") + "…"
	}
	return text
}
