package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"dispatcherd/tests/stand"
)

// body is a message.
type body map[string]any

// mark is a task that notes its uuid in the file "ran".
func mark(uuid string, more ...body) body {
	return with(body{"task": "app.tasks.mark", "uuid": uuid, "args": []any{"ran", uuid}}, more)
}

// hold is a task that notes "began" in the file UUID, runs until the file UUID.gate is there, and notes "ended".
func hold(uuid string, more ...body) body {
	return with(body{"task": "app.tasks.hold", "uuid": uuid, "args": []any{uuid, uuid + ".gate"}}, more)
}

func with(b body, more []body) body {
	for _, other := range more {
		for key, value := range other {
			b[key] = value
		}
	}
	return b
}

// tell sends messages over the socket and returns the replies, once all of them have been dealt with.
func (b *bed) tell(messages ...body) (replies []body) {
	b.t.Helper()
	c, err := stand.Dial(b.Path("d.sock"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Conn.Close()
	for _, m := range messages {
		if err := c.Send(encode(b.t, m) + "\n"); err != nil {
			b.t.Fatal(err)
		}
	}
	b.marks++
	texts, err := c.Until(fmt.Sprintf("mark-%d.", b.marks))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, text := range texts {
		replies = append(replies, b.decode(text))
	}
	return replies
}

func (b *bed) decode(text string) (m body) {
	b.t.Helper()
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		b.t.Fatalf("the reply %q: %v", text, err)
	}
	return m
}

// ask asks a control command over the socket, and returns the reply without its node_id.
func (b *bed) ask(command string, data body) body {
	b.t.Helper()
	replies := b.tell(body{"control": command, "control_data": data, "reply_to": stand.ReplyChannel})
	if len(replies) != 1 {
		b.t.Fatalf("%d replies to %s, want 1: %v", len(replies), command, replies)
	}
	delete(replies[0], "node_id")
	return replies[0]
}

// running are the uuids of the tasks that are listed, in order, each with its place but for the
// number: "worker:a queued:b".
func (b *bed) running() string {
	b.t.Helper()
	var all []string
	for place, m := range b.ask("running", nil) {
		kind, _, _ := strings.Cut(place, "-")
		all = append(all, fmt.Sprintf("%s:%v", kind, m.(map[string]any)["uuid"]))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// leftAfter is what is listed when a task is not any more, which has been seen to run.
func (b *bed) leftAfter(uuid string) (left string) {
	b.t.Helper()
	b.waitFor("the end of "+uuid, func() bool {
		left = b.running()
		return !strings.Contains(left+" ", ":"+uuid+" ")
	})
	return left
}

// worker is one that is listed.
type worker struct {
	ID       int    `json:"worker_id"`
	PID      int    `json:"pid"`
	Status   string `json:"status"`
	UUID     any    `json:"current_task_uuid"`
	Finished int    `json:"finished_count"`
	Cancel   bool   `json:"active_cancel"`
}

// workers are those that are listed with a status, by number; any status if none is given.
func (b *bed) workers(status ...string) (all []worker) {
	b.t.Helper()
	for _, value := range b.ask("workers", nil) {
		var w worker
		if err := json.Unmarshal([]byte(encode(b.t, value)), &w); err != nil {
			b.t.Fatal(err)
		}
		if len(status) == 0 || slices.Contains(status, w.Status) {
			all = append(all, w)
		}
	}
	slices.SortFunc(all, func(a, b worker) int { return a.ID - b.ID })
	return all
}

// waitWorker waits until a worker of that number is in a state, and returns it.
func (b *bed) waitWorker(id int, what string, is func(w worker) bool) (found worker) {
	b.t.Helper()
	b.waitFor(fmt.Sprintf("worker %d to be %s", id, what), func() bool {
		for _, w := range b.workers() {
			if w.ID == id && is(w) {
				found = w
				return true
			}
		}
		return false
	})
	return found
}

// producer is what is told of one.
func (b *bed) producer(name string) body {
	b.t.Helper()
	m, _ := b.ask("producers", nil)[name].(map[string]any)
	return m
}

// recycled is how often the connection to Postgres was begun anew.
func (b *bed) recycled() int {
	b.t.Helper()
	n, _ := b.producer("pg_notify-producer")["recycle_count"].(float64)
	return int(n)
}

// postgres is the test's own connection, which hears replies.
func (b *bed) postgres() *stand.Notifier {
	b.t.Helper()
	if b.pg == nil {
		var err error
		if b.pg, err = stand.NewNotifier(b.Database.ConnInfo() + " application_name=test"); err != nil {
			b.t.Fatal(err)
		}
	}
	return b.pg
}

// notify sends messages over Postgres, on the channel "low", all in one transaction. What is no body
// is sent as the text that it is.
func (b *bed) notify(messages ...any) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), stand.Bound)
	defer cancel()
	sender := b.postgres().Sender
	err := pgx.BeginFunc(ctx, sender, func(tx pgx.Tx) (err error) {
		for _, m := range messages {
			text, isText := m.(string)
			if !isText {
				text = encode(b.t, m)
			}
			_, one := tx.Exec(ctx, "SELECT pg_notify('low', $1)", text)
			err = errors.Join(err, one)
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// replies are those that have come over Postgres before that to a request which is sent now. The original
// may drop that request when it answers another one just now: see fault 1.
func (b *bed) replies() (all []body) {
	b.t.Helper()
	b.marks++
	texts, err := b.postgres().Until("low", fmt.Sprintf("mark-%d.", b.marks))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, text := range texts {
		all = append(all, b.decode(text))
	}
	return all
}

// askOverPostgres asks a control command over Postgres.
func (b *bed) askOverPostgres(command string) body {
	b.t.Helper()
	b.notify(body{"control": command, "reply_to": stand.ReplyChannel})
	return b.reply()
}

// reply is the next one that comes over Postgres.
func (b *bed) reply() body {
	b.t.Helper()
	text, err := b.postgres().Reply(stand.Bound)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.decode(text)
}

// cut ends the service's connections to Postgres, and keeps it from making new ones until mend.
func (b *bed) cut() {
	b.t.Helper()
	b.postgres() // which keeps its own
	b.Database.Exec(b.t, "\\connect postgres\nALTER DATABASE "+b.Database.Name+" ALLOW_CONNECTIONS false;\n"+
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+b.Database.Name+"' AND application_name <> 'test'")
}

// mend lets the service connect again.
func (b *bed) mend() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), stand.Bound)
	defer cancel()
	if _, err := b.postgres().Sender.Exec(ctx, "ALTER DATABASE "+b.Database.Name+" ALLOW_CONNECTIONS true"); err != nil {
		b.t.Fatal(err)
	}
}
