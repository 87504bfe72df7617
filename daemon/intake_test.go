package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"dispatcherd/cgroups"
	"dispatcherd/control"
	"dispatcherd/control/commands"
	"dispatcherd/daemon/config"
	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/message"
	"dispatcherd/daemon/policy"
	"dispatcherd/workers"
)

// desk is an intake before a dispatcher whose runner never has a free worker, so
// that everything accepted can be looked at.
type desk struct {
	*intake
	t      *testing.T
	log    *lockedBuffer
	access control.Access
}

// lockedBuffer is a log that several goroutines may write to.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

type busyRunner struct{}

func (busyRunner) TryRun(uint64, *message.Message) (worker int, ok bool) { return 0, false }
func (busyRunner) Ahead(uint64, *message.Message) (ok bool)              { return false }
func (busyRunner) Requeued(int)                                          {}
func (busyRunner) TakeBack() []uint64                                    { return nil }
func (busyRunner) Waiting(int)                                           {}
func (busyRunner) Cancel(uint64)                                         {}

// nobody is the service behind the commands of a desk.
type nobody struct{ *service }

func (nobody) Main() (received, controls uint64) { return 0, 0 }
func (nobody) Producers() map[string]any         { return nil }
func (nobody) Metrics() map[string]any           { return nil }
func (nobody) Supervisor() map[string]any        { return nil }
func (nobody) Limits() map[string]any            { return nil }
func (nobody) Workers() []workers.Info           { return nil }
func (nobody) Stats() workers.Stats              { return workers.Stats{} }
func (nobody) Memory(context.Context) (commands.Memory, error) {
	return commands.Memory{}, nil
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	log := &lockedBuffer{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	d := dispatch.New(busyRunner{}, slog.New(slog.DiscardHandler))
	in := newIntake("node", time.Minute, policy.New(policy.Config{}), d, logger)
	behind := nobody{&service{intake: in, level: commands.NewLogLevel(&slog.LevelVar{}, logger)}}
	behind.cfg.Store(&config.Config{})
	in.commands = commands.NewTable(d, behind, behind)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := d.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		in.waiters.Wait()
	})
	return &desk{intake: in, t: t, log: log, access: control.FullAccess}
}

// bring hands a payload in and returns what was replied.
func (d *desk) bring(payload string) (replies []string) {
	d.t.Helper()
	d.handle(d.t.Context(), Incoming{
		Payload: []byte(payload), Channel: "c", Caller: control.Unnamed{Access: d.access, Key: "the.key"},
		Reply: func(_ context.Context, _ string, text []byte) error {
			replies = append(replies, string(text))
			return nil
		},
		Hold: func() func() { return func() {} },
	})
	return replies
}

// bodies are the messages of the tasks that were accepted.
func (d *desk) bodies() (bodies []string) {
	d.t.Helper()
	entries, err := d.dispatcher.Tasks(d.t.Context(), dispatch.Filter{})
	if err != nil {
		d.t.Fatal(err)
	}
	for _, e := range entries {
		bodies = append(bodies, string(e.Message.Body))
	}
	return bodies
}

func TestTaskThatAsksForMoreThanItMayIsRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	most, err := cgroups.ParseLimits([]byte(`{"memory_max": "1G"}`))
	if err != nil {
		t.Fatal(err)
	}
	d.policy.Use(policy.Config{Limits: most, Tasks: []policy.Task{{Match: "slow.*", Timeout: time.Minute}}})
	const reason = "task is refused: limits.memory_max: 2G is more than the 1G that the configuration allows"
	replies := d.bring(`{"task": "a.b", "uuid": "fat", "limits": {"memory_max": "2G"}, "kwargs": {"password": "hidden"}}`)
	if len(replies) != 1 || !strings.Contains(replies[0], reason) {
		t.Errorf("replies are %q, want the reason", replies)
	}
	if log := d.log.String(); !strings.Contains(log, reason) || !strings.Contains(log, "uuid=fat") || strings.Contains(log, "hidden") {
		t.Errorf("logged %s", log)
	}
	d.bring(`{"task": "slow.b", "limits": {"memory_max": "512M"}, "timeout": 3600}`)
	d.bring(`{"task": "a.b", "limits": null}`)
	entries, err := d.dispatcher.Tasks(t.Context(), dispatch.Filter{})
	if err != nil || len(entries) != 2 {
		t.Fatalf("%d tasks are taken, %v, want the other two", len(entries), err)
	}
	if m := entries[0].Message; m.Timeout != time.Minute || m.Restraint != `{"memory_max":"512M"}` {
		t.Errorf("the first has %v and %q, want the configuration's timeout and its own limits", m.Timeout, m.Restraint)
	}
	if m := entries[1].Message; m.Timeout != 0 || m.Restraint != "" {
		t.Errorf("the second has %v and %q, want what every task has", m.Timeout, m.Restraint)
	}
}

func TestTaskGetsItsChannelAndAUUIDIfItHasNone(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.bring(`{"task": "a.b", "uuid": "mine"}`)
	d.bring(`{"task": "a.b", "channel": "forged"}`)
	d.bring(`bare.name`)
	want := []string{
		`{"task": "a.b", "uuid": "mine", "channel": "c"}`,
		`{"task": "a.b", "channel": "c", "uuid": "internal-1"}`,
		`{"task": "bare.name", "uuid": "internal-2", "channel": "c"}`,
	}
	got := d.bodies()
	for i := range got {
		v, err := message.Decode([]byte(got[i]))
		if err != nil {
			t.Fatal(err)
		}
		w, err := message.Decode([]byte(want[i]))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(message.Encode(v), message.Encode(w)) {
			t.Errorf("task %d is %s, want %s", i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d tasks, want %d", len(got), len(want))
	}
}

func TestBadPayloadsAreOneCountedLineEachAndHarmNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	bad := []string{
		`[1]`, `5`, `null`, `"text"`, `{"task": "a.b", "timeout": "secret"}`, `{"task": "a.b", "delay": [1]}`,
		"\xff\xfe", `{"__dispatcherd_chunk__": "v9"}`, `{"__dispatcherd_chunk__": "v1", "message_id": 5}`,
	}
	for _, payload := range bad {
		if replies := d.bring(payload); len(replies) != 0 {
			t.Errorf("%q was answered: %q", payload, replies)
		}
	}
	if n := d.rejected.Load(); n != uint64(len(bad)) {
		t.Errorf("%d payloads were counted, want %d", n, len(bad))
	}
	if lines := strings.Count(d.log.String(), "message is dropped"); lines != len(bad) {
		t.Errorf("%d lines were logged, want %d:\n%s", lines, len(bad), d.log)
	}
	if strings.Contains(d.log.String(), "secret") {
		t.Errorf("the log holds a value:\n%s", d.log)
	}
	d.bring(`{"task": "a.b"}`)
	if got := d.bodies(); len(got) != 1 {
		t.Errorf("the task after them was not accepted: %q", got)
	}
}

func TestControlIsAnsweredOnlyIfAReplyIsWanted(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	if replies := d.bring(`{"control": "alive"}`); len(replies) != 0 {
		t.Errorf("a request without reply_to was answered: %q", replies)
	}
	for payload, want := range map[string]string{
		`{"control": "alive", "reply_to": "x"}`:   `{"node_id": "node"}`,
		`{"control": "logging", "reply_to": "x"}`: `{"error": "No control method logging", "node_id": "node"}`,
		`{"control": null, "reply_to": "x"}`:      `{"error": "control must be a string, the name of a command", "node_id": "node"}`,
	} {
		if replies := d.bring(payload); len(replies) != 1 || replies[0] != want {
			t.Errorf("%s was answered %q, want %s", payload, replies, want)
		}
	}
	if n := d.controls.Load(); n != 4 {
		t.Errorf("%d control requests were counted, want 4", n)
	}
}

func TestChunksInAnyOrderAreOneTask(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	text := fmt.Sprintf(`{"task": "a.b", "uuid": "u", "args": [%q]}`, strings.Repeat("ü", 5000))
	parts, err := message.Split([]byte(text), 1024)
	if err != nil || len(parts) < 3 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	for i := len(parts) - 1; i >= 0; i-- {
		d.bring(string(parts[i]))
	}
	if got := d.bodies(); len(got) != 1 || !strings.Contains(got[0], "üüü") {
		t.Errorf("%d tasks came of the chunks, want one", len(got))
	}
	if n := d.received.Load(); n != 1 {
		t.Errorf("%d messages were counted, want 1", n)
	}
}

func TestTasksAreRefusedOnceTheServiceStops(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.stop()
	d.bring(`{"task": "a.b"}`)
	replies := d.bring(`{"control": "run", "reply_to": "x", "control_data": {"task": "a.b"}}`)
	want := `{"error": "task is not accepted: the service is stopping", "node_id": "node"}`
	if len(replies) != 1 || replies[0] != want {
		t.Errorf("run was answered %q, want %s", replies, want)
	}
	if got := d.bodies(); len(got) != 0 {
		t.Errorf("tasks were accepted: %q", got)
	}
	if err := d.Submit(t.Context(), &message.Message{}); !errors.Is(err, errStopping) {
		t.Errorf("Submit = %v, want %v", err, errStopping)
	}
}
