package tests

import (
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// screen is what somebody sees of a pseudo terminal.
type screen struct {
	program *os.File // the end that a program writes to
	columns int

	mu     sync.Mutex // guards the fields below
	rows   [][]byte
	column int
	wraps  bool
	done   chan struct{}
}

// newScreen opens one, and follows what is written to it until the program's end is closed.
func newScreen(t *testing.T, columns int) *screen {
	t.Helper()
	ours, theirs := terminal(t)
	if err := unix.IoctlSetWinsize(int(ours.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(columns)}); err != nil {
		t.Fatal(err)
	}
	x := &screen{program: theirs, columns: columns, rows: [][]byte{nil}, wraps: true, done: make(chan struct{})}
	go func() {
		defer close(x.done)
		buf := make([]byte, 4096)
		for {
			n, err := ours.Read(buf)
			x.write(buf[:n])
			if err != nil { // EIO: nobody has the other end open any more
				return
			}
		}
	}()
	return x
}

// write does with bytes what a terminal does, as far as our programs need it.
func (x *screen) write(b []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for text := string(b); text != ""; {
		row := &x.rows[len(x.rows)-1]
		switch {
		case strings.HasPrefix(text, "\x1b[K"):
			*row, text = (*row)[:min(x.column, len(*row))], text[3:]
		case strings.HasPrefix(text, "\x1b[?7l"), strings.HasPrefix(text, "\x1b[?7h"):
			x.wraps, text = text[4] == 'h', text[5:]
		case text[0] == '\r':
			x.column, text = 0, text[1:]
		case text[0] == '\n':
			x.rows, text = append(x.rows, nil), text[1:]
		case x.column == x.columns && x.wraps:
			x.rows, x.column = append(x.rows, nil), 0
		default:
			x.column = min(x.column, x.columns-1)
			*row = append((*row)[:min(x.column, len(*row))], text[0])
			x.column++
			text = text[1:]
		}
	}
}

// text is what there is to be seen, less rows at the end that are empty.
func (x *screen) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var rows []string
	for _, row := range x.rows {
		rows = append(rows, string(row))
	}
	return strings.TrimRight(strings.Join(rows, "\n"), "\n")
}

// end waits until all that was written has been seen.
func (x *screen) end() {
	x.program.Close()
	<-x.done
}
