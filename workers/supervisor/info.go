package supervisor

import "dispatcherd/cgroups"

// Info is what the client knows about its supervisor.
type Info struct {
	Connected          bool
	PID                int
	Version            int    // of the protocol, as agreed
	Isolation          string // "cgroup" or "process group"
	Tree               string // directory of the cgroup tree; "" without one
	Restarts           int    // how often another supervisor process took over
	ForkServer         string // "starting", "ready" or "failed: …"; "" before the first
	ForkServerRestarts int    // how often this supervisor replaced one that had ended unasked
	Missing            []string
	Lesser             []string
	Unit               cgroups.Unit // what all workers may use together
	LastError          string       // why there is no connection, or why a spec was refused
}

// Info returns a snapshot.
func (c *Client) Info() Info {
	c.mu.Lock()
	defer c.mu.Unlock()
	info := c.info
	info.Connected = c.conn != nil
	return info
}

// Inherited has a value for each connection: the workers of an earlier daemon that the
// supervisor had then, most often none. They are the receiver's from then on.
func (c *Client) Inherited() <-chan []*Launched { return c.heirs }
