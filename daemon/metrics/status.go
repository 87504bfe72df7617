package metrics

import (
	"net"
	"strconv"
	"sync/atomic"
)

// counts is what became of the connections.
type counts struct {
	connections, served, bad, broken, notFound, left, silent atomic.Uint64
	running                                                  atomic.Bool
}

// Status is what the control command metrics shows of the server: the words
// are the original's.
func (s *Server) Status() map[string]any {
	host, port := s.address()
	return map[string]any{
		"host": host, "port": port, "ready": s.listener != nil,
		"http_server": map[string]any{
			"connections_total":       s.counts.connections.Load(),
			"metrics_requests_served": s.counts.served.Load(),
			"bad_requests":            s.counts.bad.Load(),
			"internal_errors":         s.counts.broken.Load(),
			"not_found_responses":     s.counts.notFound.Load(),
			"client_disconnects":      s.counts.left.Load(),
			"request_timeouts":        s.counts.silent.Load(),
			"is_running":              s.counts.running.Load(),
		},
	}
}

// address is the configured host and port; for port 0 the one that was given. A unix
// socket, which can only be passed, has its path for a host.
func (s *Server) address() (host string, port int) {
	host, text, _ := net.SplitHostPort(s.cfg.Listen) // Validate has seen it
	port, _ = strconv.Atoi(text)
	if s.listener == nil {
		return host, port
	}
	switch at := s.listener.Addr().(type) {
	case *net.UnixAddr:
		return at.Name, 0
	case *net.TCPAddr:
		if port == 0 {
			port = at.Port
		}
	}
	return host, port
}
