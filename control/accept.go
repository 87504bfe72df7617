package control

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

const (
	acceptBackoffMin = 5 * time.Millisecond
	acceptBackoffMax = time.Second
	// quietTime is how long a complaint that every new client could repeat is kept back after it was logged.
	quietTime = 10 * time.Second
)

// acceptor is a listening unix socket.
type acceptor interface {
	AcceptUnix() (*net.UnixConn, error)
}

var _ acceptor = (*net.UnixListener)(nil)

// accept hands each new connection to start until the listener is closed. An accept that fails (no descriptors left,
// most often) is tried again: a daemon that has stopped listening can only be asked to stop by a signal.
func (s *Server) accept(ctx context.Context, from acceptor, start func(*net.UnixConn, Peer)) {
	failures := 0
	for {
		nc, err := from.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			if failures++; failures == 1 {
				s.log.Error("cannot accept connections, trying again", "socket", s.path, "err", err)
			}
			pause(ctx, failures)
			continue
		}
		if failures > 0 {
			s.log.Info("accepting connections again", "socket", s.path, "failures", failures)
			failures = 0
		}
		s.admit(nc, start)
	}
}

func (s *Server) admit(nc *net.UnixConn, start func(*net.UnixConn, Peer)) {
	peer, err := peerOf(nc)
	if err != nil {
		s.log.Warn("connection dropped: cannot tell who is calling", "err", err)
		nc.Close()
		return
	}
	if s.open.Load() >= int64(s.limits.room(peer.UID, os.Geteuid())) {
		s.refused.Add(1)
		if since, speak := s.refusals.ask(time.Now()); speak {
			s.log.Warn("connection refused: too many are open", "limit", s.limits.connections, "peer", peer, "refused", since)
		}
		// The buffer of a new socket is empty: this does not block.
		nc.SetWriteDeadline(time.Now().Add(time.Second))
		nc.Write([]byte(`{"error": "too many connections"}` + "\n"))
		nc.Close()
		return
	}
	if open := s.open.Add(1); open == int64(s.limits.many) {
		if _, speak := s.crowds.ask(time.Now()); speak {
			s.log.Warn("many clients are connected", "open", open, "limit", s.limits.connections, "peer", peer)
		}
	}
	s.accepted.Add(1)
	start(nc, peer)
}

// room is how many connections there may be for one of this user to be taken. Whoever else can connect leaves some
// to root and the daemon's own user.
func (l limits) room(uid, own int) int {
	if uid == 0 || uid == own {
		return l.connections
	}
	return l.connections - l.reserved
}

// pause waits before the next accept: 5 ms after the first failure, twice as long after each further one, at most 1 s.
func pause(ctx context.Context, failures int) {
	wait := acceptBackoffMax
	if doubled := acceptBackoffMin << min(failures-1, 16); doubled < wait {
		wait = doubled
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// seldom keeps a log from being flooded.
type seldom struct {
	spoken time.Time
	held   int // since then
}

// ask counts one occasion and says whether to log it now, and how many have come since the last time that it was.
func (s *seldom) ask(now time.Time) (since int, speak bool) {
	s.held++
	if !s.spoken.IsZero() && now.Sub(s.spoken) < quietTime {
		return 0, false
	}
	since, s.held, s.spoken = s.held, 0, now
	return since, true
}
