package metrics

import (
	"errors"
	"net"
	"net/http"
	"os"
	"sync/atomic"
)

// door is the listener that lets in as many connections as there are slots.
type door struct {
	net.Listener
	server *Server
	closed <-chan struct{}
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	select {
	case d.server.slots <- struct{}{}:
	case <-d.closed:
		return nil, net.ErrClosed
	}
	conn, err := d.Listener.Accept()
	if err != nil {
		<-d.server.slots
		return nil, err
	}
	return &visit{stream: conn.(stream), counts: &d.server.counts}, nil
}

// follow sees the connections come and go; it is the last that is called for one.
func (s *Server) follow(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.open.Add(1)
		s.counts.connections.Add(1)
	case http.StateClosed:
		conn.(*visit).became(&s.counts.left)
		<-s.slots
		s.open.Done()
	}
}

// visitKey is where the context of a request has its visit.
type visitKey struct{}

// stream is a connection of TCP or of a unix socket, with what net/http asks for beyond
// net.Conn: it ends its half before it closes, so that the client can read the answer.
type stream interface {
	net.Conn
	CloseWrite() error
}

// visit is a connection, which is counted for what becomes of it first.
type visit struct {
	stream
	counts  *counts
	counted atomic.Bool
}

func (v *visit) became(count *atomic.Uint64) {
	if v.counted.CompareAndSwap(false, true) {
		count.Add(1)
	}
}

// Read implements net.Conn. Whose time is over before a request is silent.
func (v *visit) Read(b []byte) (int, error) {
	n, err := v.stream.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		v.became(&v.counts.silent)
	}
	return n, err
}

// Write implements net.Conn. What net/http answers on its own is that a request is bad.
func (v *visit) Write(b []byte) (int, error) {
	v.became(&v.counts.bad)
	return v.stream.Write(b)
}
