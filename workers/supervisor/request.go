package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Launch starts the process of a worker and returns once it exists. It waits
// for a connection if there is none.
func (c *Client) Launch(ctx context.Context, worker int) (*Launched, error) {
	id, ch, err := c.askLaunch(ctx, worker)
	if err != nil {
		return nil, fmt.Errorf("launch worker %d: %w", worker, err)
	}
	select {
	case a := <-ch:
		if a.err != nil {
			return nil, fmt.Errorf("launch worker %d: %w", worker, a.err)
		}
		return a.launched, nil
	case <-ctx.Done():
		c.giveUp(id, ch)
		return nil, fmt.Errorf("launch worker %d: %w", worker, ctx.Err())
	}
}

// askLaunch sends the request as soon as there is a connection.
func (c *Client) askLaunch(ctx context.Context, worker int) (uint64, chan answer, error) {
	for {
		c.mu.Lock()
		if c.conn != nil {
			defer c.mu.Unlock()
			ch := make(chan answer, 1)
			id, err := c.askLocked(packet{Op: opLaunch, Worker: worker})
			if err == nil {
				c.pending[id] = ch
			}
			return id, ch, err
		}
		up := c.up
		c.mu.Unlock()
		select {
		case <-up:
		case <-ctx.Done():
			return 0, nil, errors.Join(errNotConnected, ctx.Err())
		}
	}
}

// askLocked sends a packet that will be answered under the number that it returns. The
// caller keeps who waits for it before the lock is free.
func (c *Client) askLocked(p packet) (id uint64, err error) {
	if c.conn == nil {
		return 0, errNotConnected
	}
	c.lastID++
	p.ID = c.lastID
	return p.ID, c.conn.send(p)
}

// giveUp forgets a launch. A worker that comes of it all the same is killed.
func (c *Client) giveUp(id uint64, ch chan answer) {
	c.mu.Lock()
	delete(c.pending, id)
	c.mu.Unlock()
	select {
	case a := <-ch: // it has just come
		if a.launched != nil {
			a.launched.close()
			c.Kill(a.launched.Worker) // without a connection it is lost anyhow
		}
	default: // launched finds nobody waiting
	}
}

// launched hands the answer to who waits for it.
func (c *Client) launched(link *conn, p packet, files []*os.File) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := c.pending[p.ID]
	delete(c.pending, p.ID)
	l, err := c.holdLocked(p, files)
	switch {
	case ch != nil:
		ch <- answer{l, err} // buffered
	case err == nil:
		l.close()
		link.send(packet{Op: opKill, Worker: p.Worker}) // without a connection it is lost anyhow
	}
}

// inherit keeps a worker of an earlier daemon until the welcome, which follows.
func (c *Client) inherit(p packet, files []*os.File) {
	c.mu.Lock()
	l, err := c.holdLocked(p, files)
	if err == nil {
		c.inherited = append(c.inherited, l)
	}
	c.mu.Unlock()
	if err != nil {
		c.log.Warn("a worker of an earlier daemon cannot be taken over", "worker", p.Worker, "err", err)
	}
}

// holdLocked makes a Launched of a packet, and remembers who wants to know of its end.
func (c *Client) holdLocked(p packet, files []*os.File) (*Launched, error) {
	const plain = 4
	if p.Error != "" || p.Launched == nil || len(files) != plain && len(files) != plain+laneFiles {
		closeAll(files)
		if p.Error != "" {
			return nil, errors.New(p.Error)
		}
		return nil, fmt.Errorf("the supervisor's answer has %d descriptors", len(files))
	}
	var lane *Lane
	if len(files) > plain {
		var err error
		if lane, err = openLane(files[plain:]); err != nil {
			closeAll(files[:plain])
			return nil, err
		}
	}
	exited := make(chan Exit, 1)
	c.workers[p.Worker] = held{p.Launched.process, exited}
	return &Launched{
		Worker: p.Worker, PID: p.Launched.PID, Cgroup: p.Launched.Cgroup, Limits: string(p.Launched.Limits),
		Socket: files[0], Stdout: files[1], Stderr: files[2], Note: files[3], Lane: lane, Exited: exited,
	}, nil
}

func (l *Launched) close() {
	closeAll([]*os.File{l.Socket, l.Stdout, l.Stderr, l.Note})
	if l.Lane != nil {
		l.Lane.Close()
	}
}

// exited tells how a worker ended.
func (c *Client) exited(p packet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w, ok := c.workers[p.Worker]
	if !ok || p.Exit == nil {
		return
	}
	w.exited <- *p.Exit // buffered
	delete(c.workers, p.Worker)
}

// Interrupt sends SIGUSR1 to the worker's process. It does not wait, and a
// worker that has ended is no error.
func (c *Client) Interrupt(worker int) error { return c.tell(opInterrupt, worker) }

// Kill ends the worker's process and everything that it started. It does not
// wait, and a worker that has ended is no error.
func (c *Client) Kill(worker int) error { return c.tell(opKill, worker) }

func (c *Client) tell(op string, worker int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := errNotConnected
	if c.conn != nil {
		err = c.conn.send(packet{Op: op, Worker: worker})
	}
	if err != nil {
		return fmt.Errorf("%s worker %d: %w", op, worker, err)
	}
	return nil
}
