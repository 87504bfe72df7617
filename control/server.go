package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Reply sends one JSON text to the client of a request, in as many lines as it takes. It may be called from any
// goroutine for as long as the connection lasts. It blocks while the client does not read, for ten seconds at most or
// until the deadline of ctx; the connection of such a client is then closed.
type Reply func(ctx context.Context, text []byte) error

// Handler is called for each line that a client sent: in order and one at a time per connection, at the same time for
// different connections. The payload belongs to the handler. channel is the number of the connection, in decimal. ctx
// ends when the connection does; see Hold for answers that come after the handler has returned.
type Handler func(ctx context.Context, payload []byte, channel string, peer Peer, reply Reply)

// limits bounds what clients can cost.
type limits struct {
	connections int
	reserved    int // of them for root and the daemon's own user
	many        int // as many at a time are worth a line in the log
	// lineBytes is the longest line without its line break. A mebibyte is sixteen times what the Python dispatcherd
	// takes; whatever is larger can come in chunks.
	lineBytes int
	// pendingBytes bounds the lines that have begun and not yet ended, over all connections.
	pendingBytes int64
	replyWrite   time.Duration // a client that does not read for so long is dropped
	lastChance   time.Duration // for the first line of a client that was accepted when the server is told to stop
	stopGrace    time.Duration // for handlers that work when the server is told to stop
	linger       time.Duration // for a client that is being refused to read why
}

var defaultLimits = limits{
	connections:  4096,
	reserved:     64,
	many:         512,
	lineBytes:    1 << 20,
	pendingBytes: 64 << 20,
	replyWrite:   10 * time.Second,
	lastChance:   100 * time.Millisecond,
	stopGrace:    time.Second,
	linger:       time.Second,
}

// Server listens on the control socket and hands each line to the handler.
type Server struct {
	path   string
	handle Handler
	log    *slog.Logger
	limits limits

	socket *socketFile // set by Listen, before Run

	// Owned by the accept loop.
	nextID           uint64
	refusals, crowds seldom

	open     atomic.Int64
	pending  atomic.Int64 // bytes of lines that have not ended
	accepted atomic.Uint64
	refused  atomic.Uint64
	received atomic.Uint64
	rejected atomic.Uint64
	replies  atomic.Uint64
	unsent   atomic.Uint64
}

// Stats are the counters of a server since it was made.
type Stats struct {
	Open     int    // connections now
	Accepted uint64 // connections
	Refused  uint64 // connections, because there were too many
	Received uint64 // lines handed to the handler
	Rejected uint64 // lines that were too long, cut short or not UTF-8
	Replies  uint64 // sent whole
	Unsent   uint64 // replies whose client was gone or did not read
}

// NewServer returns a server for the socket that cfg names; nothing is opened before Listen.
func NewServer(cfg Config, h Handler, log *slog.Logger) *Server {
	return &Server{path: cfg.Path, handle: h, log: log, limits: defaultLimits}
}

// Take has the server serve a socket that is listened on already, in place of one that Listen would open. Its file is
// somebody else's and is never removed; a connection that nobody accepts before Run ends waits for whoever serves it next.
func (s *Server) Take(listener *net.UnixListener) {
	listener.SetUnlinkOnClose(false)
	s.socket = &socketFile{path: listener.Addr().String(), listener: listener}
	s.path = s.socket.path
}

// Listen opens the socket, so that clients can connect; they are answered once Run runs.
func (s *Server) Listen() error {
	if s.socket != nil {
		return nil // it was taken over
	}
	socket, err := listen(s.path)
	if err != nil {
		return err
	}
	s.socket = socket
	return nil
}

// Close gives up a socket that was listened on and is not going to be served by Run.
func (s *Server) Close() error {
	if s.socket == nil {
		return nil
	}
	return s.socket.close()
}

// Run serves clients until ctx ends, after Listen if that was not called before. It then takes no more lines, lets
// handlers that are at work finish within a second, removes the socket and returns when every connection is closed.
func (s *Server) Run(ctx context.Context) error {
	if s.socket == nil {
		if err := s.Listen(); err != nil {
			return err
		}
	}
	closed := make(chan error, 1)
	stopListening := context.AfterFunc(ctx, func() { closed <- s.socket.close() })
	work, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()

	var conns sync.WaitGroup
	s.accept(ctx, s.socket.listener, func(nc *net.UnixConn, peer Peer) {
		c := newConn(s, nc, peer, strconv.FormatUint(s.nextID, 10))
		s.nextID++
		conns.Go(func() {
			// The original calls it so in the reply to aio_tasks.
			name := pprof.Labels(TaskLabel, "socket_client_task_"+c.id)
			pprof.Do(ctx, name, func(ctx context.Context) { c.serve(ctx, work) })
		})
	})
	grace := time.AfterFunc(s.limits.stopGrace, abandon)
	conns.Wait()
	grace.Stop()
	if stopListening() { // the listener ended by itself
		return errors.Join(fmt.Errorf("the listener on %s was closed by someone else", s.path), s.socket.close())
	}
	if err := <-closed; err != nil {
		// Harmless: the next daemon sees that nobody listens on it. It is no reason to end with an error.
		s.log.Warn("the control socket could not be removed", "socket", s.path, "err", err)
	}
	return nil
}

// Stats returns the counters as they are now.
func (s *Server) Stats() Stats {
	return Stats{
		Open: int(s.open.Load()), Accepted: s.accepted.Load(), Refused: s.refused.Load(),
		Received: s.received.Load(), Rejected: s.rejected.Load(),
		Replies: s.replies.Load(), Unsent: s.unsent.Load(),
	}
}
