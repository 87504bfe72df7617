package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dispatcherd/control"
	"dispatcherd/control/commands"
	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/message"
	"dispatcherd/daemon/policy"
)

// request brings a control request that wants a reply, and returns that.
func (d *desk) request(command, data string) string {
	d.t.Helper()
	replies := d.bring(fmt.Sprintf(`{"control": %q, "control_data": %s, "reply_to": "x"}`, command, data))
	if len(replies) != 1 {
		d.t.Fatalf("%s had the replies %q, want one", command, replies)
	}
	return replies[0]
}

func TestAccessDecidesWhatIsCarriedOut(t *testing.T) {
	t.Parallel()
	acting := []string{"cancel", "run", "set_log_level"}
	reading := []string{"alive", "running", "chunks", "main", "aio_tasks", "status", "memory", "producers"}
	for _, tt := range []struct {
		access             control.Access
		permitted, refused []string
	}{
		{control.FullAccess, append(acting, reading...), nil},
		{control.ReadOnly, reading, acting},
		{control.NoAccess, nil, append(acting, reading...)},
		{"", nil, append(acting, reading...)},
	} {
		d := newDesk(t)
		d.access = tt.access
		for _, command := range tt.permitted {
			if got := d.request(command, `{}`); strings.Contains(got, "refused") {
				t.Errorf("with access %q, %s was answered %s", tt.access, command, got)
			}
		}
		before := d.controls.Load()
		for _, command := range tt.refused {
			want := fmt.Sprintf(`{"error": "control request \"%s\" is refused: the.key is \"%s\"; set it to \"all\" to permit every command this way", "node_id": "node"}`, command, tt.access)
			if got := d.request(command, `{"task": "a.b"}`); got != want {
				t.Errorf("with access %q, %s was answered %s, want %s", tt.access, command, got, want)
			}
		}
		if n := int(d.controls.Load() - before); n != len(tt.refused) || int(d.rejected.Load()) != n {
			t.Errorf("with access %q, %d requests were counted and %d as rejected, want %d", tt.access, n, d.rejected.Load(), len(tt.refused))
		}
		if n := strings.Count(d.log.String(), "control request is refused"); n != len(tt.refused) {
			t.Errorf("with access %q, %d refusals are in the log, want %d:\n%s", tt.access, n, len(tt.refused), d.log)
		}
		if tt.access != control.FullAccess && len(d.bodies()) != 0 {
			t.Errorf("with access %q, a task was accepted", tt.access)
		}
	}
}

func TestRefusedRequestWithoutReplyIsLoggedAndNotCarriedOut(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.bring(`{"task": "a.b", "uuid": "u"}`)
	d.access = control.ReadOnly
	for _, delay := range []string{"0", "1e9"} {
		if replies := d.bring(`{"control": "cancel", "delay": ` + delay + `}`); len(replies) != 0 {
			t.Errorf("it was answered: %q", replies)
		}
	}
	if n := strings.Count(d.log.String(), `set it to \"all\"`) + strings.Count(d.log.String(), `set it to \\\"all\\\"`); n != 2 {
		t.Errorf("the log has %d refusals with the remedy:\n%s", n, d.log)
	}
	if got := d.bodies(); len(got) != 1 {
		t.Errorf("left are %q, want the task alone", got)
	}
}

func TestNodeIDComesLast(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	if got := d.request("main", `{}`); !strings.HasSuffix(got, `, "node_id": "node"}`) {
		t.Errorf("main was answered %s, want node_id at its end", got)
	}
}

func TestDelayedRequestIsCarriedOutLaterAndItsReplyDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		replies := d.bring(`{"control": "run", "delay": 5, "reply_to": "x", "control_data": {"task": "a.b", "uuid": "late"}}`)
		replies = append(replies, d.bring(`{"control": "nonsense", "delay": 5, "uuid": "bad"}`)...)
		want := []string{
			`{"control": "run", "delay": 5, "reply_to": "x", "control_data": {"task": "a.b", "uuid": "late"}, "uuid": "internal-0", "channel": "c"}`,
			`{"control": "nonsense", "delay": 5, "uuid": "bad", "channel": "c"}`,
		}
		if got := d.bodies(); len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
			t.Errorf("delayed are %q, want %q", got, want)
		}
		if d.received.Load() != 2 || d.controls.Load() != 0 {
			t.Errorf("%d messages and %d control requests were counted before the delay was over", d.received.Load(), d.controls.Load())
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := d.bodies(); len(got) != 1 || got[0] != `{"task": "a.b", "uuid": "late"}` {
			t.Errorf("tasks are %q, want the one that was run", got)
		}
		if d.controls.Load() != 2 || d.received.Load() != 3 || len(replies) != 0 {
			t.Errorf("%d control requests and %d messages were counted, replies were %q", d.controls.Load(), d.received.Load(), replies)
		}
		for _, line := range []string{
			`level=WARN msg="reply to a delayed control request is dropped" command=run`,
			`level=WARN msg="control request whose reply nobody gets was not carried out" command=nonsense`,
		} {
			if strings.Count(d.log.String(), line) != 1 {
				t.Errorf("the log has not %q once:\n%s", line, d.log)
			}
		}
	})
}

func TestDelayedRequestIsListedAndCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.bring(`{"control": "run", "delay": 5, "uuid": "u", "control_data": {"task": "a.b"}}`)
		if got := d.request("cancel", `{"uuid": "u"}`); !strings.HasPrefix(got, `{"delayed-0": {"control": "run", "delay": 5,`) {
			t.Errorf("cancel was answered %s", got)
		}
		time.Sleep(time.Minute)
		if got := d.bodies(); len(got) != 0 {
			t.Errorf("tasks are %q, want none", got)
		}
	})
}

func TestNestedRequestRunsAndItsReplyIsDropped(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.bring(`{"task": "a.b", "uuid": "u"}`)
	const nested = `{"control": "cancel", "reply_to": "me", "control_data": {"uuid": "u"}}`
	if got, want := d.request("run", nested), `{"ack": `+nested+`, "node_id": "node"}`; got != want {
		t.Errorf("run was answered %s, want %s", got, want)
	}
	if got := d.bodies(); len(got) != 0 {
		t.Errorf("tasks are %q, want the cancelled one gone", got)
	}
	if d.controls.Load() != 2 || d.received.Load() != 3 {
		t.Errorf("%d control requests and %d messages were counted, want 2 and 3", d.controls.Load(), d.received.Load())
	}
	if got := d.request("run", `{"control": "nonsense"}`); !strings.HasPrefix(got, `{"ack": `) {
		t.Errorf("run of a request that fails was answered %s, want an ack", got)
	}
}

func TestRequestFromInsideIsCarriedOut(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.bring(`{"task": "a.b", "uuid": "u"}`)
	m, err := message.Parse([]byte(`{"task": "ignored", "control": "cancel", "control_data": {"all": true}, "reply_to": "me", "uuid": "sch-1"}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Submit(t.Context(), m); err != nil || len(d.bodies()) != 0 || d.controls.Load() != 1 {
		t.Errorf("Submit = %v, left are %q and %d control requests were counted", err, d.bodies(), d.controls.Load())
	}
}

func TestDelayedRequestFromInsideThatIsNotTakenIsAnError(t *testing.T) {
	t.Parallel()
	d := dispatch.New(busyRunner{}, slog.New(slog.DiscardHandler))
	ended, end := context.WithCancel(t.Context())
	end()
	if err := d.Run(ended); err != nil {
		t.Fatal(err)
	}
	in := newIntake("node", 0, policy.New(policy.Config{}), d, slog.New(slog.DiscardHandler))
	m, err := message.Parse([]byte(`{"control": "cancel", "delay": 5}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Submit(t.Context(), m); !errors.Is(err, dispatch.ErrEnded) {
		t.Errorf("Submit = %v, want %v", err, dispatch.ErrEnded)
	}
}

func TestDeeplyNestedRequestsEnd(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	const levels = 900
	text := strings.Repeat(`{"control": "run", "control_data": `, levels) + `{"task": "a.b"}` + strings.Repeat("}", levels)
	if replies := d.bring(text); len(replies) != 0 || len(d.bodies()) != 1 || d.controls.Load() != levels {
		t.Errorf("%d tasks and %d control requests came of it, want one and %d", len(d.bodies()), d.controls.Load(), levels)
	}
}

func TestRunningOfTenThousandKeepsOrderAndText(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	const n = 10_000
	for i := range n {
		d.bring(fmt.Sprintf(`{"task": "a.b", "uuid": %d, "kwargs": {"z": 1.50, "a": "ü"}}`, i))
	}
	began := time.Now()
	got := d.request("running", `{}`)
	t.Logf("a reply of %d bytes took %v", len(got), time.Since(began))
	at := 0
	for i := range n {
		want := fmt.Sprintf(`"queued-%d": {"task": "a.b", "uuid": %d, "kwargs": {"z": 1.50, "a": "\u00fc"}, "channel": "c"}, `, i, i)
		next := strings.Index(got[at:], want)
		if next < 0 {
			t.Fatalf("%s is not where it belongs", want)
		}
		at += next + len(want)
	}
	if !json.Valid([]byte(got)) || got[at:] != `"node_id": "node"}` {
		t.Errorf("the reply ends with %.100s", got[at:])
	}
	if got := d.request("running", `{"uuid": 9999.0}`); !strings.HasPrefix(got, `{"queued-9999": {`) {
		t.Errorf("the filter found %.200s", got)
	}
}

func TestBoundTasksRequestIsCounted(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	answer := d.carryOut(t.Context(), "alive", commands.Call{}, func() []any { return nil })
	if d.controls.Load() != 1 || d.received.Load() != 0 || len(answer.Reply) != 0 {
		t.Errorf("%d control requests, %d messages, answer %v, want 1, 0 and a bare reply", d.controls.Load(), d.received.Load(), answer.Reply)
	}
}
