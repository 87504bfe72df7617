package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dispatcherd/tests/postgres"
	"dispatcherd/tests/stand"
)

// original is a program that uses the library of the Python original, which
// comes from PyPI and is unchanged.
type original struct {
	t       *testing.T
	name    string // of its broker
	brokers map[string]any
}

// brokers returns a program for each way to the daemon: Postgres, where it
// publishes on a channel, and the control socket.
func (d *daemon) brokers(db *postgres.Database, channel string) []original {
	return []original{
		overPostgres(d.t, db, channel),
		{d.t, "socket", map[string]any{"socket": map[string]any{"socket_path": d.socket}}},
	}
}

// broker returns the program for one of the ways.
func (d *daemon) broker(name string, db *postgres.Database, channel string) original {
	d.t.Helper()
	for _, o := range d.brokers(db, channel) {
		if o.name == name {
			return o
		}
	}
	d.t.Fatalf("there is no broker %s", name)
	return original{}
}

// overPostgres returns a program that publishes on a channel of Postgres.
func overPostgres(t *testing.T, db *postgres.Database, channel string) original {
	return original{t, "pg_notify", map[string]any{"pg_notify": map[string]any{
		"config":                  map[string]any{"conninfo": db.ConnInfo()},
		"default_publish_channel": channel,
	}}}
}

// run runs Python code with the names of project/original.py and returns what
// it answered. The code finds arguments in args.
func (o original) run(t *testing.T, code string, arguments ...any) []any {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	command := []string{"project/original.py", encode(t, map[string]any{"version": 2, "brokers": o.brokers})}
	for _, a := range arguments {
		command = append(command, encode(t, a))
	}
	cmd := exec.CommandContext(ctx, virtual(t), command...)
	cmd.Stdin = strings.NewReader(code)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("a program of the original over %s: %v\n%s\n%s", o.name, err, code, stderr.String())
	}
	var answers []any
	for line := range strings.Lines(string(out)) {
		var a any
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("a program of the original printed %q: %v", line, err)
		}
		answers = append(answers, a)
	}
	return answers
}

// ask runs code that answers once.
func (o original) ask(t *testing.T, code string, arguments ...any) any {
	t.Helper()
	answers := o.run(t, code, arguments...)
	if len(answers) != 1 {
		t.Fatalf("%d answers, want 1: %v\n%s", len(answers), answers, code)
	}
	return answers[0]
}

// call is a control command of the original's Control class.
type call struct {
	Command string         `json:"command"`
	Data    map[string]any `json:"data"`
}

// calls sends control commands, one after the other, and returns the one reply
// to each.
func (o original) calls(t *testing.T, all ...call) (replies []map[string]any) {
	t.Helper()
	answers := o.run(t, `
for call in args[0]:
    answer(control.control_with_reply(call["command"], data=call["data"], timeout=30))
`, all)
	if len(answers) != len(all) {
		t.Fatalf("%d calls gave %d answers", len(all), len(answers))
	}
	for i, a := range answers {
		list, _ := a.([]any)
		if len(list) != 1 {
			t.Fatalf("%d replies to %s over %s, want 1: %v", len(list), all[i].Command, o.name, a)
		}
		reply, ok := list[0].(map[string]any)
		if !ok {
			t.Fatalf("the reply to %s over %s is no object: %v", all[i].Command, o.name, list[0])
		}
		replies = append(replies, reply)
	}
	return replies
}

// control sends one control command.
func (o original) control(t *testing.T, command string, data map[string]any) map[string]any {
	t.Helper()
	return o.calls(t, call{command, data})[0]
}

func encode(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// virtual is the interpreter that has the original.
func virtual(t *testing.T) string {
	t.Helper()
	return filepath.Join(stand.Venv(t), "bin", "python")
}

// withOriginal makes the workers run with the original's library.
func withOriginal(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("python = %q", virtual(t))
}

// listening makes the daemon listen to channels of Postgres, and carry out every control
// request that comes over them.
func listening(db *postgres.Database, channels ...string) string {
	quoted := make([]string, len(channels))
	for i, c := range channels {
		quoted[i] = fmt.Sprintf("%q", c)
	}
	return fmt.Sprintf("[brokers.pg_notify]\nconninfo = %q\nchannels = [%s]\ncontrol = \"all\"\n", db.ConnInfo(), strings.Join(quoted, ", "))
}

// startListening starts a daemon that listens to channels of a fresh database,
// and does not wait for running tasks when it stops.
func startListening(t *testing.T, worker, pool string, channels ...string) (*daemon, *postgres.Database) {
	t.Helper()
	db := postgres.Shared(t).NewDatabase(t)
	d := start(t, config(t, worker, pool+"\nshutdown_grace = \"0s\"", listening(db, channels...)))
	d.waitLog(lineListening)
	return d, db
}

// ended waits until the task with that uuid has ended and returns its log line.
func (d *daemon) ended(uuid string) (line string) {
	d.t.Helper()
	waitFor(d.t, "the end of "+uuid, func() bool {
		for l := range strings.Lines(d.log.String()) {
			if strings.Contains(l, `msg="task ended"`) && strings.Contains(l, " uuid="+uuid+" ") {
				line = l
				return true
			}
		}
		return false
	})
	return line
}
