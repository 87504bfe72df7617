package tests

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// manager is a service manager as a daemon sees it.
type manager struct {
	t     *testing.T
	path  string
	heard *logBuffer // a message a line
}

// managers numbers them: several speak to programs in one directory.
var managers atomic.Int64

// manage has the daemon tell a manager how it is.
func (d *daemon) manage() (m *manager, env string) {
	d.t.Helper()
	m = &manager{t: d.t, path: d.file(fmt.Sprintf("notify-%d", managers.Add(1))), heard: newLogBuffer()}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"})
	if err != nil {
		d.t.Fatal(err)
	}
	done := make(chan struct{})
	d.t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	go func() {
		defer close(done)
		defer m.heard.close()
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			_, _ = m.heard.Write([]byte(strings.ReplaceAll(string(buf[:n]), "\n", " | ") + "\n"))
		}
	}()
	return m, "NOTIFY_SOCKET=" + m.path
}

// wait waits for a message and returns it.
func (m *manager) wait(want string) string {
	m.t.Helper()
	line, ok := m.heard.wait(want, bound)
	if !ok {
		m.t.Fatalf("the service manager was not told %q, only\n%s", want, m.heard)
	}
	return strings.TrimSuffix(line, "\n")
}

// status is the last one that was told.
func (m *manager) status() string {
	lines := m.heard.all("STATUS=")
	if len(lines) == 0 {
		return ""
	}
	_, status, _ := strings.Cut(strings.TrimSuffix(lines[len(lines)-1], "\n"), "STATUS=")
	return status
}

// waitStatus waits until the status is this one.
func (m *manager) waitStatus(want string) {
	m.t.Helper()
	waitFor(m.t, "the status "+want, func() bool { return m.status() == want })
}

// managed runs a daemon under a manager.
func managed(t *testing.T, toml string) (*daemon, *manager) {
	t.Helper()
	d := prepare(t, toml)
	m, env := d.manage()
	d.run(env)
	t.Cleanup(func() {
		d.stop()
		d.leftNothing()
	})
	return d, m
}

// pass has the daemon started with open sockets, by their names, as systemd does it. Its
// number is known only to itself: a shell says it.
func (d *daemon) pass(names []string, files ...*os.File) (env []string) {
	if d.args == nil {
		d.args = []string{"--config", d.config, "--log-level", "debug"}
	}
	d.args = append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, d.program}, d.args...)
	d.program = "/bin/sh"
	d.files = files
	return []string{"LISTEN_FDS=" + string(rune('0'+len(files))), "LISTEN_FDNAMES=" + strings.Join(names, ":")}
}

// opened opens a socket as a socket unit does, and keeps it open until the test ends.
func opened(t *testing.T, network, address string) *os.File {
	t.Helper()
	var l interface {
		net.Listener
		File() (*os.File, error)
	}
	any, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	switch of := any.(type) {
	case *net.UnixListener:
		of.SetUnlinkOnClose(false)
		l = of
	case *net.TCPListener:
		l = of
	}
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	_ = any.Close() // file has a duplicate
	t.Cleanup(func() { file.Close() })
	return file
}

// words are the parts of a message.
func words(message string) []string { return strings.Split(message, " | ") }

func wantWords(t *testing.T, message string, want ...string) {
	t.Helper()
	if got := words(message); !slices.Equal(got, want) {
		t.Errorf("the service manager was told %q, want %q", got, want)
	}
}
