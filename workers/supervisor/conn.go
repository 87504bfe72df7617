package supervisor

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// maxQueued bounds the packets that wait for a peer that does not read.
const maxQueued = 4096

var errConnClosed = errors.New("the connection is closed")

// conn is one connection between daemon and supervisor. Sending never blocks:
// packets wait in a queue that run writes out.
type conn struct {
	raw *net.UnixConn
	in  *reader

	mu     sync.Mutex // guards the fields below
	queue  []queued
	more   *sync.Cond // queue or ending has changed
	ending bool       // nothing is queued any more
	failed error      // why a packet could not be sent, the first time
}

type queued struct {
	packet packet
	files  []*os.File // closed once they were sent
}

func newConn(raw *net.UnixConn) *conn {
	c := &conn{raw: raw, in: newReader(raw)}
	c.more = sync.NewCond(&c.mu)
	return c
}

// run writes what is queued, until the connection has ended. It closes it.
func (c *conn) run() {
	for {
		q, ok := c.next()
		if !ok {
			break
		}
		err := writePacket(c.raw, q.packet, q.files)
		closeAll(q.files)
		if err != nil {
			c.fail(err)
			break
		}
	}
	c.close()
}

// fail keeps why the connection is about to be closed: receive says so.
func (c *conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil && !errors.Is(err, net.ErrClosed) {
		c.failed = err
	}
}

func (c *conn) next() (queued, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) == 0 && !c.ending {
		c.more.Wait()
	}
	if len(c.queue) == 0 {
		return queued{}, false
	}
	q := c.queue[0]
	c.queue = c.queue[1:]
	return q, true
}

// send queues a packet. It takes files over, also when it fails.
func (c *conn) send(p packet, files ...*os.File) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	full := len(c.queue) >= maxQueued
	if full && !c.ending && c.failed == nil {
		c.failed = fmt.Errorf("send packet: the peer has not read the %d before it", maxQueued)
		c.raw.Close()
	}
	if c.ending || full {
		closeAll(files)
		return errConnClosed
	}
	c.queue = append(c.queue, queued{p, files})
	c.more.Signal()
	return nil
}

// receive waits for the next packet. One goroutine may call it. When the connection
// was closed because a packet could not be sent, that is its error.
func (c *conn) receive() (packet, []*os.File, error) {
	var p packet
	files, err := c.in.read(&p)
	if errors.Is(err, net.ErrClosed) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.failed != nil {
			err = c.failed
		}
	}
	return p, files, err
}

// finish lets run send what is queued, within the time given, and end.
func (c *conn) finish(within time.Duration) {
	c.raw.SetWriteDeadline(time.Now().Add(within)) // of a closed connection
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending = true
	c.more.Signal()
}

// close ends the connection now, and every call that waits for it.
func (c *conn) close() {
	c.raw.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending = true
	for _, q := range c.queue {
		closeAll(q.files)
	}
	c.queue = nil
	c.more.Signal()
}
