package metrics

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// silence is how long a client may take for each line of its request, and
	// patience for all of them.
	silence  = 5 * time.Second
	patience = 15 * time.Second
	// longestHead is in bytes: the request line and the headers together.
	longestHead = 16 << 10
)

// What can be wrong with a request.
var (
	errLeft      = errors.New("the client has left")
	errSilent    = errors.New("the client is silent")
	errMalformed = errors.New("the request line is not three words of UTF-8")
	errTooLong   = errors.New("the request is too long")
)

// head is a request, whose body nobody wants.
type head struct {
	method, target string
	header         http.Header
}

// readHead reads the request line and the headers. A header that is none is
// passed over.
func readHead(conn net.Conn) (head, error) {
	r := &headReader{conn: conn, rest: io.LimitedReader{R: conn, N: longestHead}, over: time.Now().Add(patience)}
	r.lines = bufio.NewReader(&r.rest)
	first, err := r.line()
	if err != nil {
		return head{}, err
	}
	words := strings.Fields(first)
	if len(words) < 3 || !utf8.ValidString(first) {
		return head{}, errMalformed
	}
	h := head{method: words[0], target: words[1], header: http.Header{}}
	for {
		line, err := r.line()
		if err != nil {
			return h, err
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return h, nil
		}
		if name, value, ok := strings.Cut(line, ":"); ok {
			h.header.Add(textproto.CanonicalMIMEHeaderKey(name), strings.TrimSpace(value))
		}
	}
}

// headReader reads lines, each within its time, and not too much.
type headReader struct {
	conn  net.Conn
	rest  io.LimitedReader // what may still be read of conn
	lines *bufio.Reader
	over  time.Time
}

// line returns the next line with its end. The last one may have none.
func (r *headReader) line() (string, error) {
	deadline := time.Now().Add(silence)
	if deadline.After(r.over) {
		deadline = r.over
	}
	_ = r.conn.SetReadDeadline(deadline) // where this fails, reading does too
	line, err := r.lines.ReadString('\n')
	switch {
	case err == nil:
		return line, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "", errSilent
	case r.rest.N <= 0:
		return "", errTooLong
	case errors.Is(err, io.EOF) && line != "":
		return line, nil
	default:
		return "", errLeft
	}
}
