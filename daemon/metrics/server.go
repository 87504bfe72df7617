package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// openConnections bounds the connections at a time; others wait to be accepted.
	openConnections = 64
	// patience is how long a client may take to ask, and writeBound the page and its
	// way to the client.
	patience   = 5 * time.Second
	writeBound = 10 * time.Second
	// longestHead is in bytes: the request line and the headers. net/http lets 4 KiB more through.
	longestHead = 16 << 10
	// stopBound is what a scrape has left when the server is told to stop.
	stopBound = time.Second
)

// Server is the HTTP page for Prometheus. Like the Python original's it answers
// one request on a connection, and whatever is not the page is not found.
type Server struct {
	cfg      Config
	optional bool
	page     http.Handler
	http     *http.Server
	log      *slog.Logger
	listener net.Listener  // set by Listen, before Run; nil when the page is not served
	slots    chan struct{} // has one for each connection
	open     sync.WaitGroup
	counts   counts
}

// NewServer returns a server of the figures that from gives. Without an
// optional one the service goes on.
func NewServer(cfg Config, optional bool, from Sources, log *slog.Logger) *Server {
	registry := prometheus.NewRegistry()
	registry.MustRegister(&Collector{from: from}, collectors.NewGoCollector(), collectors.NewBuildInfoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	warnings := slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	page := promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: warnings, EnableOpenMetrics: true})
	s := &Server{cfg: cfg, optional: optional, page: page, log: log, slots: make(chan struct{}, openConnections)}
	s.http = &http.Server{
		Handler: s, ErrorLog: warnings, ConnState: s.follow,
		ConnContext:       func(ctx context.Context, v net.Conn) context.Context { return context.WithValue(ctx, visitKey{}, v) },
		ReadHeaderTimeout: patience, ReadTimeout: patience + writeBound, WriteTimeout: writeBound, IdleTimeout: patience,
		MaxHeaderBytes: longestHead, DisableGeneralOptionsHandler: true,
	}
	s.http.SetKeepAlivesEnabled(false)
	return s
}

// Take has the server serve an address that is listened on already, in place of the
// one that Listen would open.
func (s *Server) Take(listener net.Listener) { s.listener = listener }

// Listen opens the address, so that a start with one that is taken fails.
func (s *Server) Listen() error {
	listener, err := s.listener, error(nil)
	if listener == nil {
		listener, err = net.Listen("tcp", s.cfg.Listen)
	}
	switch {
	case err == nil:
		s.listener = listener
		s.log.Info("metrics are served", "address", Place(listener))
		return nil
	case s.optional:
		s.log.Error("metrics are not served", "err", err)
		return nil
	default:
		return fmt.Errorf("metrics: %w", err)
	}
}

// Place is where a client finds the page: its URL, or the path of a unix socket.
func Place(l net.Listener) string {
	if l.Addr().Network() == "unix" {
		return l.Addr().String()
	}
	return "http://" + l.Addr().String() + "/metrics"
}

// Close gives up an address that was listened on and is not going to be served.
func (s *Server) Close() error {
	if s.listener == nil {
		return nil
	}
	return s.listener.Close()
}

// Run serves, after Listen, until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	if s.listener == nil {
		<-ctx.Done()
		return nil
	}
	s.counts.running.Store(true)
	defer s.counts.running.Store(false)
	defer context.AfterFunc(ctx, func() { s.listener.Close() })()
	err := s.http.Serve(&door{s.listener, s, ctx.Done()})
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopBound)
	defer cancel()
	if s.http.Shutdown(bound) != nil {
		s.http.Close() // what takes longer is cut off
	}
	s.open.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("metrics: %w", err)
}
