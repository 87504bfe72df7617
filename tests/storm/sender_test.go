package storm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"dispatcherd/tests/postgres"
	"dispatcherd/tests/stand"
)

// letter is one task that was sent, and what the sender can know of it.
type letter struct {
	number      int // in the order of sending
	uuid, kind  string
	socket      bool
	behind      bool // a request for a reply stands before it in the same transaction
	begun, done time.Time
	// accepted: over the socket, a later request on the same connection was answered; over
	// Postgres, its transaction has been committed. Whether anybody listened is another question.
	accepted bool
}

// text is its message.
func (l *letter) text() string {
	text, err := json.Marshal(l.message())
	if err != nil {
		panic(err) // the kinds are written down in kind_test.go
	}
	return string(text)
}

func (l *letter) message() map[string]any {
	k := kindOf(l.kind)
	m := map[string]any{"task": "storm_tasks." + k.task, "uuid": l.uuid, "args": append([]any{l.uuid}, k.args...)}
	for key, value := range k.more {
		m[key] = value
	}
	return m
}

// post sends over Postgres.
type post struct {
	db   *postgres.Database
	conn *pgx.Conn
}

// connect connects again, for as long as Postgres may take to be there.
func (p *post) connect() bool {
	if p.conn != nil {
		_ = p.conn.Close(context.Background()) // whatever state it is in
	}
	return waitUntil(20*time.Millisecond, bound, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), bound)
		defer cancel()
		var err error
		p.conn, err = pgx.Connect(ctx, p.db.ConnInfo()+" application_name=storm")
		return err == nil
	})
}

// send commits texts in one transaction.
func (p *post) send(texts ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	_, err := p.conn.Exec(ctx, "SELECT pg_notify('storm', m) FROM unnest($1::text[]) AS m", texts)
	return err
}

// cut ends the service's backends, and returns how many there were.
func (p *post) cut() (n int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	err = p.conn.QueryRow(ctx, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'stormed'").Scan(&n)
	return n, err
}

// line sends over the control socket.
type line struct {
	path   string
	client *stand.Client // nil while there is no connection
}

// send sends texts and a request, and waits for its reply: what was sent before it has been taken then.
func (l *line) send(texts []string, request string) (err error) {
	if l.client == nil {
		waitUntil(10*time.Millisecond, bound, func() bool {
			l.client, err = stand.Dial(l.path)
			return !errors.Is(err, syscall.EAGAIN) // the queue of the listening socket is full: a crowd is there
		})
		if err != nil {
			return err
		}
	}
	if err = l.client.Send(strings.Join(append(texts, request, ""), "\n")); err == nil {
		_, err = l.client.Reply()
	}
	if err != nil {
		l.close()
	}
	return err
}

func (l *line) close() {
	if l.client != nil {
		l.client.Conn.Close()
		l.client = nil
	}
}

// ear counts replies over Postgres.
type ear struct {
	heard atomic.Int64
	stop  context.CancelFunc
	done  chan struct{}
}

const replyChannel = "storm_replies"

// listen begins to listen, for the first time or after Postgres was restarted.
func (e *ear) listen(db *postgres.Database) error {
	ctx, cancel := context.WithCancel(context.Background())
	conn, err := pgx.Connect(ctx, db.ConnInfo()+" application_name=storm")
	if err == nil {
		_, err = conn.Exec(ctx, "LISTEN "+replyChannel)
	}
	if err != nil {
		cancel()
		return err
	}
	e.stop, e.done = cancel, make(chan struct{})
	go func() {
		defer close(e.done)
		defer conn.Close(context.Background())
		for {
			if _, err := conn.WaitForNotification(ctx); err != nil {
				return
			}
			e.heard.Add(1)
		}
	}()
	return nil
}

func (e *ear) close() {
	e.stop()
	<-e.done
}

// number is that of a reply.
func number(v any) int {
	n, _ := strconv.Atoi(fmt.Sprint(v)) // what is none is 0
	return n
}
