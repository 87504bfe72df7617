package metrics

import (
	"context"
	"errors"
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
	// stopBound is what a scrape has left when the server is told to stop.
	stopBound = time.Second
	// acceptAgain is the pause after an accept that failed.
	acceptAgain = time.Second
)

// Server is the HTTP page for Prometheus. It answers as the Python original's
// does: one request on a connection, and whatever is not the page is not found.
type Server struct {
	cfg      Config
	optional bool
	page     http.Handler
	log      *slog.Logger
	listener net.Listener // set by Listen, before Run; nil when the page is not served
	counts   counts
}

// NewServer returns a server of the figures that from gives. Without an
// optional one the service goes on.
func NewServer(cfg Config, optional bool, from Sources, log *slog.Logger) *Server {
	registry := prometheus.NewRegistry()
	registry.MustRegister(&Collector{from: from}, collectors.NewGoCollector(), collectors.NewBuildInfoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	page := promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), EnableOpenMetrics: true,
	})
	return &Server{cfg: cfg, optional: optional, page: page, log: log}
}

// Listen opens the address, so that a start with one that is taken fails.
func (s *Server) Listen() error {
	listener, err := net.Listen("tcp", s.cfg.Listen)
	switch {
	case err == nil:
		s.listener = listener
		s.log.Info("metrics are served", "address", "http://"+listener.Addr().String()+"/metrics")
		return nil
	case s.optional:
		s.log.Error("metrics are not served", "err", err)
		return nil
	default:
		return fmt.Errorf("metrics: %w", err)
	}
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
	defer s.listener.Close()
	defer context.AfterFunc(ctx, func() { s.listener.Close() })()
	work, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var served sync.WaitGroup
	err := s.accept(ctx, func(conn net.Conn, done func()) {
		served.Go(func() {
			defer done()
			s.serve(work, conn)
		})
	})
	defer time.AfterFunc(stopBound, cut).Stop() // a scrape that takes longer is cut off
	served.Wait()
	return err
}

// accept hands each connection to start, which says when it is done with it,
// until ctx ends.
func (s *Server) accept(ctx context.Context, start func(conn net.Conn, done func())) error {
	slots := make(chan struct{}, openConnections)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		conn, err := s.listener.Accept()
		switch {
		case err == nil:
			start(conn, func() { <-slots })
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("metrics: %w", err)
		default:
			<-slots
			s.log.Warn("a connection for metrics could not be accepted", "err", err)
			pause(ctx, acceptAgain)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
