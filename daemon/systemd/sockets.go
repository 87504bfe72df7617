package systemd

import (
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
)

// The names of the sockets (FileDescriptorName= of a socket unit).
const (
	ControlSocket    = "control"
	MetricsSocket    = "metrics"
	SupervisorSocket = "supervisor"
)

// networks is of which kind each socket may be, in the words of package net.
var networks = map[string][]string{ControlSocket: {"unix"}, MetricsSocket: {"tcp", "unix"}, SupervisorSocket: {"unixpacket"}}

// firstPassed is the first descriptor that is passed (sd_listen_fds(3)).
const firstPassed = 3

// Listeners returns the sockets that the service manager has opened for this process,
// by name; none is the usual case. It may be called once. A socket that is not one of
// names, or not what it should be, is an error: clients would wait at it for ever.
func Listeners(names ...string) (map[string]net.Listener, error) {
	count, err := passed()
	if err != nil || count == 0 {
		return nil, err
	}
	listeners := map[string]net.Listener{}
	for _, file := range activation.Files(true) {
		l, err := listener(file, names)
		if err == nil && listeners[file.Name()] != nil {
			_ = l.Close() // err is what counts
			err = fmt.Errorf("the service manager has passed two sockets with the name %q", file.Name())
		}
		_ = file.Close() // l has a duplicate
		if err != nil {
			for _, other := range listeners {
				_ = other.Close() // likewise
			}
			return nil, err
		}
		listeners[file.Name()] = l
	}
	return listeners, nil
}

// passed returns how many descriptors were passed to us, all of which are there and
// are listening sockets.
func passed() (int, error) {
	if pid := os.Getenv("LISTEN_PID"); pid != strconv.Itoa(os.Getpid()) {
		return 0, nil // they are for another process
	}
	text := os.Getenv("LISTEN_FDS")
	count, err := strconv.Atoi(text)
	if err != nil || count < 0 {
		return 0, fmt.Errorf("LISTEN_FDS must be the number of sockets that were passed, got %q", text)
	}
	for fd := firstPassed; fd < firstPassed+count; fd++ {
		on, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
		if err != nil || on == 0 {
			return 0, fmt.Errorf("LISTEN_FDS says that %d sockets were passed, but descriptor %d is not one that listens", count, fd)
		}
	}
	return count, nil
}

// listener makes a listener of a passed socket, if it has one of the names and is of
// that one's kind.
func listener(file *os.File, names []string) (net.Listener, error) {
	name := file.Name()
	if !slices.Contains(names, name) {
		return nil, fmt.Errorf("the service manager has passed a socket with the name %q; FileDescriptorName= must be %s",
			name, strings.Join(names, " or "))
	}
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("take over the socket %s: %w", name, err)
	}
	if got := l.Addr().Network(); !slices.Contains(networks[name], got) {
		_ = l.Close() // it is of no use
		return nil, fmt.Errorf("the socket %s must be of the kind %s (%s), got %s",
			name, strings.Join(networks[name], " or "), directive(name), got)
	}
	return l, nil
}

// directive is how a socket unit asks for a socket of that name.
func directive(name string) string {
	switch name {
	case MetricsSocket:
		return "ListenStream=ADDRESS:PORT or /PATH"
	case SupervisorSocket:
		return "ListenSequentialPacket=/PATH"
	default:
		return "ListenStream=/PATH"
	}
}

// Names lists what a process was passed, for its log.
func Names(listeners map[string]net.Listener) []string { return slices.Sorted(maps.Keys(listeners)) }
