package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Server is the HTTP page for Prometheus.
type Server struct {
	cfg      Config
	http     http.Server
	listener net.Listener // between Listen and Run
	log      *slog.Logger
}

// NewServer returns a server of the figures that from gives.
func NewServer(cfg Config, from Sources, log *slog.Logger) *Server {
	registry := prometheus.NewRegistry()
	registry.MustRegister(&Collector{from: from}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), Timeout: 5 * time.Second,
	}))
	return &Server{cfg: cfg, log: log, http: http.Server{
		Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
}

// Listen opens the address, so that a start with one that is taken fails.
func (s *Server) Listen() error {
	listener, err := net.Listen("tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	s.listener = listener
	s.log.Info("metrics are served", "address", "http://"+listener.Addr().String()+"/metrics")
	return nil
}

// Close gives up an address that was listened on and is not going to be served.
func (s *Server) Close() error { return s.listener.Close() }

// Run serves, after Listen, until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err := s.http.Shutdown(bound); err != nil {
			_ = s.http.Close() // a scrape that takes longer is cut off
		}
	})
	err := s.http.Serve(s.listener)
	if !stop() {
		<-closed // Serve returns when the shutdown begins
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}
