package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"dispatcherd/daemon/message"
)

// replyChunk is the longest line of a reply: what clients of the Python dispatcherd are used to.
const replyChunk = 1024

// conn is one client. Its goroutine reads lines and runs the handler; replies come from any goroutine.
type conn struct {
	server *Server
	nc     *net.UnixConn
	peer   Peer
	id     string
	lines  lineReader

	heard atomic.Bool // a line of it was read

	writing sync.Mutex // held while a reply is written, so that its lines stay together

	mu        sync.Mutex // guards held, readToEnd
	held      int        // answers that will come later
	readToEnd bool       // the client sends no more
	cancel    context.CancelFunc
}

func newConn(s *Server, nc *net.UnixConn, peer Peer, id string) *conn {
	return &conn{server: s, nc: nc, peer: peer, id: id, lines: lineReader{
		r: nc, max: s.limits.lineBytes, pending: &s.pending, budget: s.limits.pendingBytes,
	}}
}

// serve handles the client's lines until it leaves or ctx ends. Work on a line goes on after ctx, until the context work ends.
func (c *conn) serve(ctx, work context.Context) {
	defer c.server.open.Add(-1)
	own, cancel := context.WithCancel(context.WithValue(work, connKey{}, c))
	c.cancel = cancel
	closed := make(chan struct{})
	context.AfterFunc(own, func() { c.nc.Close(); close(closed) })
	defer func() { cancel(); <-closed }()
	defer context.AfterFunc(ctx, func() { c.nc.SetReadDeadline(c.lastLine()) })()
	defer c.lines.close()

	for own.Err() == nil && (ctx.Err() == nil || !c.heard.Load()) {
		line, err := c.lines.next()
		c.heard.Store(true)
		if !c.accept(own, line, err) {
			break
		}
		if err != nil {
			c.waitForHeld()
			break
		}
	}
}

// lastLine is until when a line is taken once the server stops. A client that was accepted just before gets heard: had it
// come a moment later, it would wait for the next server.
func (c *conn) lastLine() time.Time {
	if c.heard.Load() {
		return time.Unix(1, 0)
	}
	return time.Now().Add(c.server.limits.lastChance)
}

// accept hands a line to the handler unless there is something wrong with it. It returns false when the connection
// must be closed.
func (c *conn) accept(ctx context.Context, line []byte, err error) bool {
	switch {
	case errors.Is(err, errLineTooLong):
		return c.reject(ctx, fmt.Sprintf("line is longer than %d bytes", c.server.limits.lineBytes))
	case errors.Is(err, errNoRoom):
		return c.reject(ctx, errNoRoom.Error())
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false // the server stops
	case err != nil && len(bytes.TrimSpace(line)) > 0 && cutShort(line, err):
		return c.reject(ctx, "client left in the middle of a line")
	case err != nil && err != io.EOF:
		return false
	case !utf8.Valid(line):
		return c.reject(ctx, "line is not valid UTF-8")
	case len(bytes.TrimSpace(line)) == 0:
		// The Python dispatcherd makes a task without a name of a blank line, which can only fail.
		return true
	}
	c.server.received.Add(1)
	c.server.handle(ctx, bytes.Clone(line), c.id, c.peer, c.reply)
	return true
}

// cutShort tells a last line that lacks only its line break from one that lacks more. Text that is no object may be
// the bare name of a task; it cannot be told whether that is complete.
func cutShort(line []byte, err error) bool {
	if err != io.EOF {
		return true
	}
	if bytes.TrimSpace(line)[0] != '{' {
		return false
	}
	_, decodeErr := message.Decode(line)
	return decodeErr != nil
}

// reject answers with one error and lets the client read it: closing with unread bytes in the buffer would have a client
// that is still sending see a broken pipe only.
func (c *conn) reject(ctx context.Context, reason string) bool {
	c.server.rejected.Add(1)
	c.server.log.Warn("control connection closed", "reason", reason, "client", c.id, "peer", c.peer)
	c.lines.close()
	c.nc.SetReadDeadline(time.Now().Add(c.server.limits.linger))
	if err := c.reply(ctx, message.Encode(map[string]any{"error": reason})); err != nil {
		return false // it is gone: nobody to tell
	}
	if c.nc.CloseWrite() == nil {
		io.Copy(io.Discard, c.nc)
	}
	return false
}

// reply writes a whole reply.
func (c *conn) reply(ctx context.Context, text []byte) error {
	if bytes.IndexByte(text, '\n') >= 0 {
		// It can only stand between the tokens of a JSON text, where a space means the same.
		text = bytes.ReplaceAll(text, []byte("\n"), []byte(" "))
	}
	pieces, err := message.Cut(text, replyChunk)
	if err == nil {
		err = c.write(ctx, pieces)
	}
	if err != nil {
		c.server.unsent.Add(1)
		return fmt.Errorf("reply to client %s (%s): %w", c.id, c.peer, err)
	}
	c.server.replies.Add(1)
	return nil
}

// writeBytes is how much of a long reply is written at once, which is made while the client reads what was before.
const writeBytes = 64 << 10

// write writes the lines of one reply.
func (c *conn) write(ctx context.Context, pieces message.Pieces) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	deadline := time.Now().Add(c.server.limits.replyWrite)
	if earlier, ok := ctx.Deadline(); ok && earlier.Before(deadline) {
		deadline = earlier
	}
	c.nc.SetWriteDeadline(deadline)
	var lines []byte
	for i := range pieces.Len() {
		lines = append(pieces.Append(lines, i), '\n')
		if len(lines) < writeBytes && i+1 < pieces.Len() {
			continue
		}
		if _, err := c.nc.Write(lines); err != nil {
			c.cancel() // half a line may be out: nothing can follow it
			return err
		}
		lines = lines[:0]
	}
	return nil
}

type connKey struct{}

// Hold tells the connection behind a handler's ctx that a reply will come after the handler has returned; release says
// that no more will. A client that has closed its sending half is given what it is owed before the connection is
// closed: what the handler sends before it returns, and then whatever is held. release may be called more than once.
func Hold(ctx context.Context) (release func()) {
	c, ok := ctx.Value(connKey{}).(*conn)
	if !ok {
		return func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held++
	return sync.OnceFunc(c.releaseHeld)
}

func (c *conn) releaseHeld() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held--
	if c.held == 0 && c.readToEnd {
		c.cancel()
	}
}

// waitForHeld keeps a connection whose client sends no more until nothing is owed, the client has closed the other half as
// well, or the server stops.
func (c *conn) waitForHeld() {
	c.mu.Lock()
	c.readToEnd = true
	owed := c.held
	c.mu.Unlock()
	if owed == 0 {
		return
	}
	raw, err := c.nc.SyscallConn()
	if err != nil {
		return
	}
	// POLLHUP comes when both halves are closed, see poll(2); the runtime asks again whenever the socket has changed.
	raw.Read(func(fd uintptr) (gone bool) {
		fds := []unix.PollFd{{Fd: int32(fd)}}
		n, err := unix.Poll(fds, 0)
		return err != nil && err != unix.EINTR || n > 0 && fds[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
	})
}
