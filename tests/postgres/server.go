package postgres

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

//go:embed guard.sh
var guardScript string

// startTimeout bounds how long postgres may take until it accepts connections, or to end.
const startTimeout = time.Minute

// server is one run of postgres, or of a pooler, under its guard.
type server struct {
	kind  kind
	guard *exec.Cmd
	words io.WriteCloser // to the guard; its end is the guard's order to clear up
	ready chan struct{}  // closed when postgres accepts connections
	ended chan struct{}  // closed when postgres is gone

	mu   sync.Mutex // guards last
	last []string   // the last lines of its log
}

// kind is what postgres and a pooler differ in.
type kind struct {
	open string // what its log says once it accepts connections
	quit string // the signal that ends it at once
}

var (
	postgresKind = kind{open: "ready to accept connections", quit: "QUIT"}
	poolerKind   = kind{open: "process up", quit: "TERM"}
)

// startServer runs command, a postgres or a pooler on dir, and returns when it accepts connections.
func startServer(dir string, who *syscall.Credential, k kind, command []string) (*server, error) {
	s := &server{kind: k, ready: make(chan struct{}), ended: make(chan struct{})}
	log, logEnd, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s.guard = exec.Command("sh", append([]string{"-c", guardScript, "guard", dir, k.quit}, command...)...)
	s.guard.Dir = dir
	s.guard.Env = environment()
	s.guard.ExtraFiles = []*os.File{logEnd}
	// A session of its own: neither a key on the terminal nor the end of the caller's process
	// group may end the guard before its work is done.
	s.guard.SysProcAttr = &syscall.SysProcAttr{Credential: who, Setsid: true}
	if s.words, err = s.guard.StdinPipe(); err == nil {
		err = s.guard.Start()
	}
	logEnd.Close()
	if err != nil {
		log.Close()
		return nil, fmt.Errorf("start the guard of postgres: %w", err)
	}
	go s.follow(log) // ends with postgres, for which every ending of a server waits
	return s, s.awaitReady()
}

// follow reads the log of postgres until it ends.
func (s *server) follow(log *os.File) {
	defer close(s.ended)
	defer log.Close()
	ready := false
	for lines := bufio.NewScanner(log); lines.Scan(); {
		line := lines.Text()
		s.mu.Lock()
		s.last = append(s.last, line)
		s.last = s.last[max(0, len(s.last)-20):]
		s.mu.Unlock()
		if !ready && strings.Contains(line, s.kind.open) {
			ready = true
			close(s.ready)
		}
	}
	_, _ = io.Copy(io.Discard, log) // a line too long for the scanner must not block postgres
}

// awaitReady waits until postgres accepts connections.
func (s *server) awaitReady() error {
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	select {
	case <-s.ready:
		return nil
	case <-s.ended:
		return fmt.Errorf("postgres ended while starting:\n%s", s.log())
	case <-timeout.C:
		return fmt.Errorf("postgres did not accept connections within %v:\n%s", startTimeout, s.log())
	}
}

// stop ends postgres, keeps its data, and returns when it is gone. The guard stays.
func (s *server) stop() error {
	if err := s.tell("stop"); err != nil {
		return err
	}
	return s.awaitEnd()
}

// leave ends the guard of a stopped server without clearing up.
func (s *server) leave() error {
	err := s.tell("leave")
	return errors.Join(err, s.words.Close(), s.guard.Wait())
}

// clear ends postgres if it still runs, has the directory removed, and returns when that is done.
func (s *server) clear() error {
	err := s.words.Close()
	return errors.Join(err, s.guard.Wait(), s.awaitEnd())
}

// tell gives the guard an order.
func (s *server) tell(word string) error {
	if _, err := io.WriteString(s.words, word+"\n"); err != nil {
		return fmt.Errorf("tell the guard of postgres to %s: %w", word, err)
	}
	return nil
}

// awaitEnd waits until postgres is gone.
func (s *server) awaitEnd() error {
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	select {
	case <-s.ended:
		return nil
	case <-timeout.C:
		return fmt.Errorf("postgres did not end within %v:\n%s", startTimeout, s.log())
	}
}

// log returns the last lines that postgres wrote.
func (s *server) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.last, "\n")
}

// environment is the caller's without what would bend the server or psql to another place or
// another language.
func environment(extra ...string) []string {
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "PG") && !strings.HasPrefix(entry, "LC_") && !strings.HasPrefix(entry, "LANG") {
			env = append(env, entry)
		}
	}
	return append(append(env, "LC_ALL=C"), extra...)
}
