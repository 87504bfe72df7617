package differential

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

// bound is how long anything may take. It says that something hangs, and is no measure.
const bound = 60 * time.Second

// replyChannel is where replies over Postgres come.
const replyChannel = "replies"

// client is a connection to the control socket of a service.
type client struct {
	conn  net.Conn
	lines *bufio.Reader
	parts *message.Assembler
	long  int // lines of more than 1024 bytes that have come
}

func dial(path string) (*client, error) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, lines: bufio.NewReader(conn), parts: message.NewAssembler(0, time.Now)}, nil
}

func (c *client) send(text string) error {
	if err := c.conn.SetDeadline(time.Now().Add(bound)); err != nil {
		return err
	}
	_, err := io.WriteString(c.conn, text)
	return err
}

// reply returns the next whole reply, and io.EOF when the service has closed the connection.
func (c *client) reply() (string, error) {
	for {
		line, err := c.lines.ReadString('\n')
		if err != nil {
			return "", err
		}
		if len(line) > 1025 {
			c.long++
		}
		if whole, done, err := c.parts.Add([]byte(strings.TrimSuffix(line, "\n"))); err != nil || done {
			return string(whole), err
		}
	}
}

// until returns the replies that come before the one with that mark in it, which is asked for last.
func (c *client) until(mark string) (replies []string, err error) {
	if err := c.send(asking(mark)); err != nil {
		return nil, err
	}
	for {
		r, err := c.reply()
		if err != nil {
			return replies, fmt.Errorf("wait for a reply on the socket: %w", err)
		}
		if strings.Contains(r, mark) {
			return replies, nil
		}
		replies = append(replies, r)
	}
}

// asking is a request whose reply is an error that names the mark.
func asking(mark string) string {
	return fmt.Sprintf(`{"control": %q, "reply_to": %q}`+"\n", mark, replyChannel)
}

// notifier speaks to a service over Postgres, with a connection to send and one to listen.
type notifier struct {
	sender, listener *pgx.Conn
	parts            *message.Assembler
}

func newNotifier(conninfo string) (*notifier, error) {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	sender, err := pgx.Connect(ctx, conninfo)
	if err != nil {
		return nil, err
	}
	listener, err := pgx.Connect(ctx, conninfo)
	if err != nil {
		return nil, errors.Join(err, sender.Close(ctx))
	}
	_, err = listener.Exec(ctx, "LISTEN "+replyChannel)
	return &notifier{sender, listener, message.NewAssembler(0, time.Now)}, err
}

func (n *notifier) close() {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	n.sender.Close(ctx)
	n.listener.Close(ctx)
}

func (n *notifier) send(channel, payload string) error {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	_, err := n.sender.Exec(ctx, "SELECT pg_notify($1, $2)", channel, payload)
	return err
}

// reply returns the next whole reply that comes within a time.
func (n *notifier) reply(within time.Duration) (string, error) {
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

// until returns the replies that come before the one with that mark in it, which is asked for last.
func (n *notifier) until(channel, mark string) (replies []string, err error) {
	if err := n.send(channel, strings.TrimSuffix(asking(mark), "\n")); err != nil {
		return nil, err
	}
	return n.before(mark, bound)
}

func (n *notifier) before(mark string, within time.Duration) (replies []string, err error) {
	for {
		r, err := n.reply(within)
		if err != nil || strings.Contains(r, mark) {
			return replies, err
		}
		replies = append(replies, r)
	}
}
