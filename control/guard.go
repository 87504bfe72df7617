package control

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"
)

// Guard decides what each client of the control socket may do.
type Guard struct {
	own int // the daemon's user
	log *slog.Logger
	now atomic.Pointer[ruling]
}

// ruling is a Rights, looked up.
type ruling struct{ submitters, operators members }

// NewGuard returns the guard of a configuration.
func NewGuard(r Rights, log *slog.Logger) *Guard {
	g := &Guard{own: os.Geteuid(), log: log}
	g.Use(r)
	return g
}

// Use has other rights count from now on, for clients that are connected already as well.
// A name that nobody has gives nobody a right, and is logged.
func (g *Guard) Use(r Rights) {
	next := &ruling{lookUp(r.Submitters), lookUp(r.Operators)}
	for _, list := range []struct {
		key string
		members
	}{{"control.submitters", next.submitters}, {"control.operators", next.operators}} {
		for _, name := range list.unknown {
			g.log.Warn("nobody has this name, and so it gives no right", "key", list.key, "name", name)
		}
	}
	g.now.Store(next)
}

// Of returns a client as a Caller.
func (g *Guard) Of(p Peer) Caller { return client{g, p} }

// client is a peer before its guard.
type client struct {
	guard *Guard
	peer  Peer
}

var _ Caller = client{}

// Command looks for the right that the command needs.
func (c client) Command(name string) error {
	switch rules := c.guard.now.Load(); needs(name) {
	case submitting:
		return c.oneOf("control.submitters", rules.submitters)
	case acting:
		return c.oneOf("control.operators", rules.operators)
	default:
		return nil
	}
}

// Task asks for the right that run needs.
func (c client) Task() error { return c.oneOf("control.submitters", c.guard.now.Load().submitters) }

// Attrs is the peer, field by field.
func (c client) Attrs() []any {
	return []any{"uid", c.peer.UID, "user", userName(c.peer.UID), "pid", c.peer.PID}
}

// oneOf says who may, if the client is not one of them.
func (c client) oneOf(key string, m members) error {
	if c.peer.UID == 0 || c.peer.UID == c.guard.own || m.has(c.peer) {
		return nil
	}
	who := "root"
	if c.guard.own != 0 {
		who += ", " + cmp.Or(userName(c.guard.own), "uid "+strconv.Itoa(c.guard.own))
	}
	return fmt.Errorf("it is for %s and %s (%s), and you are %s", who, key, cmp.Or(m.text, "nobody"), c.peer.Who())
}
