package control

import (
	"bytes"
	"errors"
	"io"
	"sync/atomic"
)

const (
	firstBuffer = 512     // what a connection costs before its first line
	keptBuffer  = 8 << 10 // a larger buffer is given back after the line that needed it
)

var (
	errLineTooLong = errors.New("line is too long")
	errNoRoom      = errors.New("too many unfinished lines on all connections together")
)

// lineReader cuts a stream into lines. It holds no more than the longest line and its line break, and nothing but a small buffer
// between lines.
type lineReader struct {
	r   io.Reader
	max int // bytes of the longest line
	// Bytes held in buffers beyond the kept size count against a budget that all connections share.
	pending *atomic.Int64
	budget  int64

	buf     []byte // what was read; buf[start:] was not handed out yet
	start   int
	scanned int // buf[start:scanned] holds no line break
	charged int64
	err     error // what ended the stream, once it was read to its end
}

// next returns the next line without its line break, valid until the following call. At the end of the stream it
// returns what stands after the last line break, if anything does, and io.EOF together.
func (l *lineReader) next() ([]byte, error) {
	l.release()
	for {
		if i := bytes.IndexByte(l.buf[l.scanned:], '\n'); i >= 0 {
			end := l.scanned + i
			line := l.buf[l.start:end]
			l.start, l.scanned = end+1, end+1
			if len(line) > l.max {
				return nil, errLineTooLong
			}
			return line, nil
		}
		l.scanned = len(l.buf)
		rest := l.buf[l.start:]
		if len(rest) > l.max {
			return nil, errLineTooLong
		}
		if l.err != nil {
			l.start = len(l.buf)
			return rest, l.err
		}
		if err := l.makeRoom(); err != nil {
			return nil, err
		}
		var n int
		n, l.err = l.r.Read(l.buf[len(l.buf):cap(l.buf)])
		l.buf = l.buf[:len(l.buf)+n]
	}
}

// release forgets the lines that were handed out, and a large buffer with them.
func (l *lineReader) release() {
	if l.start < len(l.buf) {
		return
	}
	l.buf, l.start, l.scanned = l.buf[:0], 0, 0
	if cap(l.buf) > keptBuffer {
		l.close()
	}
}

// makeRoom lets at least one byte be read: by moving the unfinished line to the front of the buffer, or into one of
// twice the size.
func (l *lineReader) makeRoom() error {
	if len(l.buf) < cap(l.buf) {
		return nil
	}
	rest := l.buf[l.start:]
	if l.start > 0 && len(rest) <= cap(l.buf)/2 {
		l.buf = l.buf[:copy(l.buf, rest)]
		l.start, l.scanned = 0, len(l.buf)
		return nil
	}
	size := min(max(2*cap(l.buf), firstBuffer), l.max+len("\r\n"))
	if size > keptBuffer {
		if l.pending.Add(int64(size)-l.charged) > l.budget {
			l.pending.Add(l.charged - int64(size))
			return errNoRoom
		}
		l.charged = int64(size)
	}
	grown := make([]byte, len(rest), size)
	copy(grown, rest)
	l.buf, l.start, l.scanned = grown, 0, len(grown)
	return nil
}

// close gives the buffer back.
func (l *lineReader) close() {
	l.pending.Add(-l.charged)
	l.buf, l.start, l.scanned, l.charged = nil, 0, 0, 0
}
