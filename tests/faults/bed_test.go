package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dispatcherd/tests/stand"
)

// settings are what the configuration of a service has beyond what each has. They are put into the
// same dispatcher.yml for both.
type settings struct {
	service string   // lines of the section service, "  main_kwargs: {...}\n"
	pool    string   // of service.pool_kwargs, "min_workers: 1, max_workers: 1"; the two are needed
	worker  string   // of the section worker, "worker_cls: app.gated.Gated"
	broker  string   // lines of brokers.pg_notify, "    max_connection_idle_seconds: null\n"
	more    string   // whole sections
	toml    string   // instead of all this, a dispatcherd.toml, for ours; %q is the conninfo
	env     []string // of the service
}

// file is the dispatcher.yml: a socket, Postgres with two channels, no self-checks, a node with the
// name "n". The modules of the tasks are those of tests/project.
const file = `version: 2
service:
  pool_kwargs: {%s}
%s
brokers:
  pg_notify:
    config: {conninfo: %q}
    channels: [low, High-1]
    default_publish_channel: low
%s
  socket: {socket_path: d.sock}
producers:
  ControlProducer:
publish: {default_control_broker: socket}
worker: {%s}
%s
`

func (s settings) text(conninfo string) (name, text string) {
	if s.toml != "" {
		return "dispatcherd.toml", fmt.Sprintf(s.toml, conninfo)
	}
	if !strings.Contains(s.service, "main_kwargs") {
		s.service += "  main_kwargs: {node_id: n}\n"
	}
	if !strings.Contains(s.service, "process_manager_kwargs") {
		s.service += "  process_manager_kwargs: {preload_modules: [app.tasks]}\n"
	}
	if s.pool == "" {
		s.pool = "min_workers: 1, max_workers: 1"
	}
	if s.broker == "" {
		s.broker = "    max_connection_idle_seconds: null\n    max_self_check_message_age_seconds: null\n"
	}
	return "dispatcher.yml", fmt.Sprintf(file, s.pool, s.service, conninfo, s.broker, s.worker, s.more)
}

// bed is a running service in which a fault is looked for.
type bed struct {
	*stand.Service
	t *testing.T

	pg    *stand.Notifier // see notify
	marks int
}

// act is done to a service, and returns what came of it, in words.
type act func(b *bed) (outcome string)

// both does the same to both services, and checks what comes of it.
func both(t *testing.T, s settings, do act, original, ours string) {
	t.Parallel()
	on(t, stand.Original, s, func(b *bed) { b.want(do(b), original) })
	on(t, stand.Ours, s, func(b *bed) { b.want(do(b), ours) })
}

// on is the half of a test that looks at one service: the subtest "original" or "ours".
func on(t *testing.T, side stand.Side, s settings, look func(b *bed)) {
	name := map[stand.Side]string{stand.Original: "original", stand.Ours: "ours"}[side]
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		if side == stand.Original {
			stand.Venv(t)
		}
		look(start(t, side, s))
	})
}

// start runs a service and waits until it hears both ways and has its first workers.
func start(t *testing.T, side stand.Side, s settings) *bed {
	t.Helper()
	place, err := stand.New(t, side)
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{Service: place, t: t}
	t.Cleanup(b.end)
	name, text := s.text(b.Database.ConnInfo())
	b.write(name, text)
	if err := b.Run(programs, "../project", name, slices.Concat([]string{"DISPATCHERD_LOG_FORMAT=logfmt"}, s.env)...); err != nil {
		t.Fatal(err)
	}
	b.waitListening(1)
	b.waitFor("the socket", func() bool {
		c, err := stand.Dial(b.Path("d.sock"))
		if err == nil {
			c.Conn.Close()
		}
		return err == nil
	})
	b.waitFor("a worker that is ready", func() bool { return len(b.workers("ready")) > 0 })
	return b
}

// end ends the service and looks at how it was.
func (b *bed) end() {
	defer b.End()
	if b.pg != nil {
		b.pg.Close()
	}
	b.Stop()
	if strings.Contains(b.Log(), "DATA RACE") {
		b.t.Errorf("the race detector has found something")
	}
	if b.t.Failed() {
		text := b.noted()
		b.t.Logf("the log of %s:\n%s", b.Side, text[max(0, len(text)-6000):])
	}
}

// noted is the log without what it has of the test's own questions.
func (b *bed) noted() string {
	asking := regexp.MustCompile(`(?m)^INFO:dispatcherd\.(brokers\.socket|service\.main:Control action).*\n|^.*invalid control request mark-.*\n`)
	return asking.ReplaceAllString(b.Log(), "")
}

// want checks what came of an act. What the original is expected to do is its fault.
func (b *bed) want(got, want string) {
	b.t.Helper()
	switch {
	case got == want:
	case b.Side == stand.Original:
		b.t.Errorf("the original has not shown its fault: %q, where %q was expected; if it was mended, correct docs/compatibility.md", got, want)
	default:
		b.t.Errorf("came of it: %q, want %q", got, want)
	}
}

// original says whether this is the original.
func (b *bed) original() bool { return b.Side == stand.Original }

// waitFor looks again and again until a condition holds.
func (b *bed) waitFor(what string, holds func() bool) {
	b.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(stand.Bound); !holds(); {
		select {
		case <-tick.C:
		case <-b.Done:
			if !holds() {
				b.t.Fatalf("%s has ended; it was waited for %s", b.Side, what)
			}
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("waited %v for %s", stand.Bound, what)
		}
	}
}

// waitLog waits until the log has n lines with one of the texts, which are the two services' words.
func (b *bed) waitLog(n int, original, ours string) {
	b.t.Helper()
	text := ours
	if b.original() {
		text = original
	}
	b.waitFor(fmt.Sprintf("%d lines with %q in the log", n, text), func() bool { return len(b.logged(text)) >= n })
}

// What the original logs of the last of its channels, and we of all of them.
const (
	theirLineListening = "listening on channel 'High-1'"
	lineListening      = `msg="listening to Postgres`
)

// waitListening waits until the service listens to Postgres for the n-th time.
func (b *bed) waitListening(n int) {
	b.t.Helper()
	b.waitLog(n, theirLineListening, lineListening)
}

// listened is how often the service has begun to listen to Postgres.
func (b *bed) listened() int {
	if b.original() {
		return len(b.logged(theirLineListening))
	}
	return len(b.logged(lineListening))
}

// logged are the lines of the log that hold a text.
func (b *bed) logged(text string) (lines []string) {
	for line := range strings.Lines(b.Log()) {
		if strings.Contains(line, text) {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// lines are those of a file of the service's directory, which tasks append to.
func (b *bed) lines(name string) []string {
	text, _ := os.ReadFile(b.Path(name)) // none, if it is not there
	return strings.Fields(string(text))
}

// waitLines waits until a file has n words.
func (b *bed) waitLines(name string, n int) {
	b.t.Helper()
	b.waitFor(fmt.Sprintf("%d lines in %s", n, name), func() bool { return len(b.lines(name)) >= n })
}

// write makes a file in the service's directory.
func (b *bed) write(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(b.Path(name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// touch makes a file, which opens a gate that a task waits at.
func (b *bed) touch(name string) { b.t.Helper(); b.write(name, "") }

// exitCode waits until the service has ended, and returns how.
func (b *bed) exitCode() int {
	b.t.Helper()
	code, err := b.Wait()
	if err != nil {
		b.t.Fatal(err)
	}
	return code
}

// encode is a value as JSON.
func encode(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
