package stand

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"dispatcherd/daemon/message"
)

// ReplyChannel is where replies over Postgres come.
const ReplyChannel = "replies"

// Client is a connection to the control socket of a service.
type Client struct {
	Conn net.Conn
	Long int // lines of more than 1024 bytes that have come

	lines *bufio.Reader
	parts *message.Assembler
}

// Dial connects to a control socket.
func Dial(path string) (*Client, error) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	return &Client{Conn: conn, lines: bufio.NewReader(conn), parts: message.NewAssembler(0, time.Now)}, nil
}

// Send sends a text, which is whole lines.
func (c *Client) Send(text string) error {
	if err := c.Conn.SetDeadline(time.Now().Add(Bound)); err != nil {
		return err
	}
	_, err := io.WriteString(c.Conn, text)
	return err
}

// Reply returns the next whole reply, and io.EOF when the service has closed the connection.
func (c *Client) Reply() (string, error) {
	for {
		line, err := c.lines.ReadString('\n')
		if err != nil {
			return "", err
		}
		if len(line) > 1025 {
			c.Long++
		}
		if whole, done, err := c.parts.Add([]byte(strings.TrimSuffix(line, "\n"))); err != nil || done {
			return string(whole), err
		}
	}
}

// Until returns the replies that come before the one with that mark in it, which is asked for last.
func (c *Client) Until(mark string) (replies []string, err error) {
	if err := c.Send(Asking(mark)); err != nil {
		return nil, err
	}
	for {
		r, err := c.Reply()
		if err != nil {
			return replies, fmt.Errorf("wait for a reply on the socket: %w", err)
		}
		if strings.Contains(r, mark) {
			return replies, nil
		}
		replies = append(replies, r)
	}
}

// Asking is a request whose reply is an error that names the mark.
func Asking(mark string) string {
	return fmt.Sprintf(`{"control": %q, "reply_to": %q}`+"\n", mark, ReplyChannel)
}

// Notifier speaks to a service over Postgres, with a connection to send and one to listen.
type Notifier struct {
	Sender   *pgx.Conn
	listener *pgx.Conn
	parts    *message.Assembler
}

// NewNotifier connects to a database.
func NewNotifier(conninfo string) (*Notifier, error) {
	ctx, cancel := context.WithTimeout(context.Background(), Bound)
	defer cancel()
	sender, err := pgx.Connect(ctx, conninfo)
	if err != nil {
		return nil, err
	}
	listener, err := pgx.Connect(ctx, conninfo)
	if err != nil {
		return nil, errors.Join(err, sender.Close(ctx))
	}
	_, err = listener.Exec(ctx, "LISTEN "+ReplyChannel)
	return &Notifier{sender, listener, message.NewAssembler(0, time.Now)}, err
}

// Close ends both connections.
func (n *Notifier) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), Bound)
	defer cancel()
	n.Sender.Close(ctx)
	n.listener.Close(ctx)
}

// Send publishes a payload on a channel.
func (n *Notifier) Send(channel, payload string) error {
	ctx, cancel := context.WithTimeout(context.Background(), Bound)
	defer cancel()
	_, err := n.Sender.Exec(ctx, "SELECT pg_notify($1, $2)", channel, payload)
	return err
}

// Reply returns the next whole reply that comes within a time.
func (n *Notifier) Reply(within time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	for {
		got, err := n.listener.WaitForNotification(ctx)
		if err != nil {
			return "", fmt.Errorf("wait for a reply over Postgres: %w", err)
		}
		if whole, done, err := n.parts.Add([]byte(got.Payload)); err != nil || done {
			return string(whole), err
		}
	}
}

// Until returns the replies that come before the one with that mark in it, which is asked for last.
func (n *Notifier) Until(channel, mark string) (replies []string, err error) {
	if err := n.Send(channel, strings.TrimSuffix(Asking(mark), "\n")); err != nil {
		return nil, err
	}
	return n.Before(mark, Bound)
}

// Before returns the replies that come before the one with that mark in it, each within a time.
func (n *Notifier) Before(mark string, within time.Duration) (replies []string, err error) {
	for {
		r, err := n.Reply(within)
		if err != nil || strings.Contains(r, mark) {
			return replies, err
		}
		replies = append(replies, r)
	}
}
