package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"dispatcherd/daemon/message"
)

const (
	// requestChunk stays under the 65536 bytes that the Python dispatcherd takes as a line.
	requestChunk = 60 << 10
	longestReply = 256 << 20 // bytes
	// busyPause is how long to wait when the queue of the listening socket is full: the connections of a crowd are
	// accepted within milliseconds.
	busyPause = 10 * time.Millisecond
)

var errClosed = errors.New("the daemon closed the connection")

// Request is one control command.
type Request struct {
	Command string
	Data    map[string]any // control_data; values that package message encodes
	// Wait asks for a second reply, which comes when the task that was submitted has ended.
	Wait bool
}

// Encode returns the JSON text of the request. What answers it sends the replies to replyTo.
func (r Request) Encode(replyTo string) []byte {
	object := map[string]any{"control": r.Command, "reply_to": replyTo}
	if len(r.Data) > 0 {
		object["control_data"] = r.Data
	}
	if r.Wait {
		object["wait"] = true
	}
	return message.Encode(object)
}

// Client is one connection to a daemon. It is used by one goroutine at a time, and not again after an error.
type Client struct {
	path    string
	nc      net.Conn
	lines   lineReader
	pending atomic.Int64
	chunks  *message.Assembler
}

// Dial connects to the control socket at path. Its errors can be shown to a person as they are.
func Dial(ctx context.Context, path string) (*Client, error) {
	if len(path) > maxPathBytes {
		return nil, fmt.Errorf("cannot connect to %s: a socket path has at most %d bytes, this one %d", path, maxPathBytes, len(path))
	}
	nc, err := dial(ctx, path)
	if err != nil {
		if ended(ctx, err) {
			return nil, stopped(ctx, "connect to "+path)
		}
		return nil, fmt.Errorf("cannot connect to %s: %w%s", path, rootCause(err), connectHint(err))
	}
	c := &Client{path: path, nc: nc, chunks: message.NewAssembler(0, time.Now)} // the caller's ctx is the limit
	c.chunks.MaxBytes = longestReply
	c.lines = lineReader{r: nc, max: longestReply, pending: &c.pending, budget: 2 * longestReply}
	return c, nil
}

// dial tries again while the daemon's queue is full: a unix socket then refuses with EAGAIN at once, see connect(2).
func dial(ctx context.Context, path string) (net.Conn, error) {
	for {
		nc, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if !errors.Is(err, syscall.EAGAIN) {
			return nc, err
		}
		timer := time.NewTimer(busyPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

// connectHint says what a person would look at next.
func connectHint(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return " (is dispatcherd running?)"
	case errors.Is(err, fs.ErrPermission):
		return " (are you in the group that the socket belongs to?)"
	default:
		return ""
	}
}

// Close ends the connection.
func (c *Client) Close() error { return c.nc.Close() }

// Request sends a command and returns the daemon's reply. A reply that holds "error" is no error here.
func (c *Client) Request(ctx context.Context, r Request) (map[string]any, error) {
	if err := c.send(ctx, r); err != nil {
		return nil, err
	}
	return c.NextReply(ctx)
}

func (c *Client) send(ctx context.Context, r Request) error {
	lines, err := message.Split(r.Encode("this connection"), requestChunk)
	if err != nil {
		return fmt.Errorf("split the request: %w", err)
	}
	defer c.bound(ctx)()
	_, err = c.nc.Write(append(bytes.Join(lines, []byte("\n")), '\n'))
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE): // a daemon that refuses us has said why before it closed
		return nil
	case ended(ctx, err):
		return stopped(ctx, "send to "+c.path)
	default:
		return fmt.Errorf("cannot send to %s: %w", c.path, rootCause(err))
	}
}

// NextReply waits for one more reply on the connection.
func (c *Client) NextReply(ctx context.Context) (map[string]any, error) {
	defer c.bound(ctx)()
	for {
		line, err := c.lines.next()
		whole := err == nil || err == io.EOF // else the rest of the line may still have come
		if whole && len(bytes.TrimSpace(line)) > 0 {
			if text, done, err := c.chunks.Add(line); err != nil {
				return nil, fmt.Errorf("reply of %s: %w", c.path, err)
			} else if done {
				return c.decode(text)
			}
		}
		switch {
		case err == nil:
		case ended(ctx, err):
			return nil, stopped(ctx, "wait for a reply of "+c.path)
		case errors.Is(err, errLineTooLong):
			return nil, fmt.Errorf("reply of %s is longer than %d bytes", c.path, longestReply)
		default:
			return nil, fmt.Errorf("no reply of %s: %w", c.path, errClosed)
		}
	}
}

func (c *Client) decode(text []byte) (map[string]any, error) {
	value, err := message.Decode(text)
	if err != nil {
		return nil, fmt.Errorf("reply of %s is not JSON: %w", c.path, err)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("reply of %s is not a JSON object", c.path)
	}
	return object, nil
}

// bound makes what is read and written next end with ctx.
func (c *Client) bound(ctx context.Context) (release func()) {
	deadline, _ := ctx.Deadline()
	c.nc.SetDeadline(deadline)
	unhook := context.AfterFunc(ctx, func() { c.nc.SetDeadline(time.Unix(1, 0)) })
	return func() { unhook() }
}

// ended tells the end of our patience from the errors of a connection. The deadline of a connection can pass a moment
// before that of its context.
func ended(ctx context.Context, err error) bool {
	var timeout net.Error
	return ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout() && !errors.Is(err, syscall.EAGAIN)
}

// stopped describes work that ended because its ctx did: in the words of a person if it was out of time.
func stopped(ctx context.Context, what string) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", what, context.Canceled)
	}
	return timeoutError(what)
}

// timeoutError is what was being done when the time was up. It is a context.DeadlineExceeded.
type timeoutError string

func (e timeoutError) Error() string { return string(e) + ": timed out" }
func (e timeoutError) Unwrap() error { return context.DeadlineExceeded }
