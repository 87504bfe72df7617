package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// writeBound is how long a client may take to read its answer.
	writeBound = 10 * time.Second
	// linger is what a client has to hang up first. One that is hung up on while
	// it still sends might not see the answer.
	linger = time.Second
)

// answer is the response to a request. It is the http.ResponseWriter of the page.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

var _ http.ResponseWriter = (*answer)(nil)

func newAnswer(status int) *answer { return &answer{status: status, header: http.Header{}} }

// plain is an answer of a line of text without its end.
func plain(status int, text string) *answer {
	a := newAnswer(status)
	a.header.Set("Content-Type", "text/plain; charset=utf-8")
	a.body.WriteString(text)
	return a
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *answer) Write(text []byte) (int, error) { return a.body.Write(text) }

// serve answers the one request of a connection.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	s.counts.connections.Add(1)
	h, err := readHead(conn)
	if errors.Is(err, errLeft) {
		s.counts.left.Add(1)
		return
	}
	a := s.answer(ctx, h, err)
	if err := a.send(conn, h.method != http.MethodHead); err != nil {
		s.log.Debug("an answer of the metrics page could not be sent", "peer", conn.RemoteAddr(), "err", err)
		return
	}
	s.log.Debug("the metrics page has answered", "peer", conn.RemoteAddr(), "status", a.status)
	hangUp(conn)
}

// answer decides what is answered, and counts it.
func (s *Server) answer(ctx context.Context, h head, err error) *answer {
	switch {
	case errors.Is(err, errSilent):
		s.counts.silent.Add(1)
		return plain(http.StatusRequestTimeout, "Request Timeout")
	case errors.Is(err, errTooLong):
		s.counts.bad.Add(1)
		return plain(http.StatusRequestHeaderFieldsTooLarge, "Request Header Fields Too Large")
	case err != nil:
		s.counts.bad.Add(1)
		return plain(http.StatusBadRequest, "Bad Request")
	case h.method != http.MethodGet || h.target != "/metrics" && h.target != "/":
		s.counts.notFound.Add(1)
		return plain(http.StatusNotFound, "Not Found")
	}
	a := s.scrape(ctx, h.header)
	if a.status != http.StatusOK {
		s.counts.broken.Add(1) // why is in the log
		return plain(http.StatusInternalServerError, "Error generating metrics")
	}
	s.counts.served.Add(1)
	return a
}

// scrape makes the page, in the form that the client asks for. One that asks for
// none gets the type that the original has.
func (s *Server) scrape(ctx context.Context, header http.Header) *answer {
	request := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/metrics"}, Header: header}
	a := newAnswer(http.StatusOK)
	s.page.ServeHTTP(a, request.WithContext(ctx))
	if !strings.Contains(header.Get("Accept"), "escaping=") {
		form, _, _ := strings.Cut(a.header.Get("Content-Type"), "; escaping=")
		a.header.Set("Content-Type", form)
	}
	return a
}

// send writes the answer.
func (a *answer) send(conn net.Conn, withBody bool) error {
	var text bytes.Buffer
	fmt.Fprintf(&text, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
	fmt.Fprintf(&text, "Content-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n", a.header.Get("Content-Type"), a.body.Len())
	if encoding := a.header.Get("Content-Encoding"); encoding != "" {
		fmt.Fprintf(&text, "Content-Encoding: %s\r\n", encoding)
	}
	text.WriteString("\r\n")
	if withBody {
		text.Write(a.body.Bytes())
	}
	if err := conn.SetWriteDeadline(time.Now().Add(writeBound)); err != nil {
		return err
	}
	_, err := conn.Write(text.Bytes())
	return err
}

// hangUp tells the client that all has been said, and waits a little for it to go.
func hangUp(conn net.Conn) {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = conn.SetReadDeadline(time.Now().Add(linger)) // where this fails, reading does too
	_, _ = io.CopyN(io.Discard, conn, longestHead)   // it is said already
}
