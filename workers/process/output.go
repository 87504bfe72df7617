package process

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"unicode/utf8"

	"dispatcherd/workers"
)

const (
	// maxLine is the longest line of output that is logged whole; a longer one
	// is cut into several.
	maxLine = 32 << 10
	// readSize is how much of the output is read at once.
	readSize = 8 << 10
	// turn is how much is logged before others get the lock; a pipe holds less.
	turn = 128 << 10
)

// output logs what a worker writes to one of its streams, line by line, with
// the task that runs. All of it is written, whatever the level of the daemon's own log.
type output struct {
	stream  string // "stdout" or "stderr"
	raw     syscall.RawConn
	file    *os.File
	log     *slog.Logger
	current *atomic.Pointer[workers.Task]
	ahead   *ahead

	mu   sync.Mutex // guards the fields below; held while logging, which keeps the lines in order
	line []byte     // the line that has begun
	buf  []byte
}

func newOutput(stream string, file *os.File, current *atomic.Pointer[workers.Task], a *ahead, log *slog.Logger) (*output, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &output{stream: stream, raw: raw, file: file, log: atAnyLevel(log), current: current, ahead: a}, nil
}

// run logs until the stream ends or is closed.
func (o *output) run() {
	// A closed file is the way in which this ends when somebody else still holds
	// the other end; there is nothing to report.
	_ = o.raw.Read(func(fd uintptr) bool {
		for {
			switch _, state := o.pump(int(fd), false); state {
			case empty:
				return false // wait for more
			case ended:
				return true
			case shut:
				o.ahead.wait()
			case more:
			}
		}
	})
}

// drain logs what has been written so far, and what a line has begun with when
// the writer will not go on with it. It says whether there was anything to read. The worker does
// nothing meanwhile, so that all of it is the current task's.
func (o *output) drain() (some bool) {
	_ = o.raw.Control(func(fd uintptr) { some, _ = o.pump(int(fd), true) })
	o.endLine()
	return some
}

// endLine logs what a line has begun with when the writer will not go on with it.
func (o *output) endLine() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.line) > 0 {
		o.emit(o.line, o.current.Load())
		o.line = o.line[:0]
	}
}

// catchUp logs the lines that are complete: what was written before something else
// that the worker says.
func (o *output) catchUp() {
	_ = o.raw.Control(func(fd uintptr) { o.pump(int(fd), false) })
}

// What a stream holds after a turn of pump.
type stream int

const (
	empty stream = iota // nothing now
	more                // there may be more
	ended               // nothing ever again
	shut                // it is not known whose it would be
)

// pump logs what can be read now, at most one turn of it: a writer that never
// pauses must not keep the lock for ever. It is certain that all is the current task's, or that is
// asked at each read.
func (o *output) pump(fd int, certain bool) (some bool, state stream) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.buf == nil {
		o.buf = make([]byte, readSize)
	}
	for read := 0; read < turn; {
		n, owner, err := o.read(fd, certain)
		switch {
		case err == errShut:
			return read > 0, shut
		case err == syscall.EAGAIN:
			return read > 0, empty
		case n <= 0 || err != nil:
			return read > 0, ended
		}
		o.add(o.buf[:n], owner)
		read += n
	}
	return true, more
}

// errShut is that nothing may be read now.
var errShut = errors.New("it is not known whose the output would be")

// read reads once, and says whose it is.
func (o *output) read(fd int, certain bool) (n int, owner *workers.Task, err error) {
	o.ahead.mu.Lock()
	defer o.ahead.mu.Unlock()
	if !certain && len(o.ahead.tasks) > 0 && !o.ahead.over {
		return 0, nil, errShut
	}
	n, err = ignoringEINTR(func() (int, error) { return syscall.Read(fd, o.buf) })
	return n, o.current.Load(), err
}

// add splits b, of a task of which that is known, into lines.
func (o *output) add(b []byte, owner *workers.Task) {
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		part := b
		if end >= 0 {
			part = b[:end]
		}
		if room := maxLine - len(o.line); len(part) > room {
			o.line, b = append(o.line, part[:room]...), b[room:]
			whole := len(o.line) - unfinished(o.line)
			o.emit(o.line[:whole], owner)
			o.line = append(o.line[:0], o.line[whole:]...)
			continue
		}
		if end < 0 {
			o.line = append(o.line, part...)
			return
		}
		if len(o.line) == 0 {
			o.emit(part, owner)
		} else {
			o.emit(append(o.line, part...), owner)
			o.line = o.line[:0]
		}
		b = b[end+1:]
	}
}

// unfinished is how many bytes at the end of b begin a character whose rest has
// yet to come.
func unfinished(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if last := b[len(b)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}

func (o *output) emit(line []byte, owner *workers.Task) {
	attrs := ofTask(owner, slog.String("stream", o.stream))
	text := strings.ToValidUTF8(strings.TrimSuffix(string(line), "\r"), "\uFFFD")
	o.log.LogAttrs(context.Background(), slog.LevelInfo, text, attrs...)
}
