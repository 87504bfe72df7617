package supervisor

import (
	"strings"
	"sync"
)

const (
	tailSize     = 64 << 10 // bytes kept of a worker's output while no daemon reads it
	tailLines    = 20       // lines of it that are logged
	tailLineSize = 400      // bytes of each
)

// tail keeps the last bytes that were written to it.
type tail struct {
	mu   sync.Mutex // guards the fields below
	ring []byte     // of tailSize once something was written
	next int
	full bool
}

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ring == nil {
		t.ring = make([]byte, tailSize)
	}
	rest := p
	for len(rest) > 0 {
		n := copy(t.ring[t.next:], rest)
		rest = rest[n:]
		if t.next += n; t.next == len(t.ring) {
			t.next, t.full = 0, true
		}
	}
	return len(p), nil
}

// reset forgets what is kept.
func (t *tail) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ring, t.next, t.full = nil, 0, false
}

// text returns what is kept.
func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.full {
		return string(t.ring[:t.next])
	}
	return string(t.ring[t.next:]) + string(t.ring[:t.next])
}

// all returns every line that is kept, and whether some were dropped before them.
func (t *tail) all() (lines []string, dropped bool) {
	text := strings.TrimRight(t.text(), "\n")
	t.mu.Lock()
	dropped = t.full
	t.mu.Unlock()
	if text == "" {
		return nil, dropped
	}
	lines = strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.ToValidUTF8(line, "\ufffd")
	}
	return lines, dropped
}

// lines returns the last lines, each bounded, for a log entry.
func (t *tail) lines() []string {
	text := strings.TrimRight(t.text(), "\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	for i, line := range lines {
		if len(line) > tailLineSize {
			lines[i] = line[:tailLineSize] + "…"
		}
		lines[i] = strings.ToValidUTF8(lines[i], "\ufffd")
	}
	return lines
}
