package faults

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"dispatcherd/tests/stand"
)

// poison sends a message over Postgres on which the original drops its connection and takes a second to
// make another one, so that what comes meanwhile is lost. It returns how often that was so, and what has
// been answered. Nothing is asked over the original's socket meanwhile: it may be deaf on a new one then.
func (b *bed) poison(bad body) string {
	b.t.Helper()
	before := b.listened()
	b.notify(bad)
	if b.original() {
		b.waitListening(before + 1)
	}
	replies := b.replies()
	for _, r := range replies {
		delete(r, "node_id")
	}
	return fmt.Sprintf("%d connections lost, answer %s", b.listened()-before, encode(b.t, replies))
}

// The name of a command may be that of anything in the original's module of commands, or be no text.
func TestInteropFault13AnyNameInItsModuleIsACommand(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		return b.poison(body{"control": "logging", "reply_to": stand.ReplyChannel}) + "; " +
			b.poison(body{"control": 5, "reply_to": stand.ReplyChannel})
	}, "1 connections lost, answer null; 1 connections lost, answer null",
		`0 connections lost, answer [{"error":"No control method logging"}]; `+
			`0 connections lost, answer [{"error":"control must be a string, the name of a command"}]`)
}

// What is wrong with a message is found where it ends the original's listener.
func TestInteropFault14BadKeyEndsTheListener(t *testing.T) {
	bad := []body{
		mark("bad", body{"delay": "soon"}),
		mark("bad", body{"timeout": "soon"}),
		{"control": "set_log_level", "control_data": 5, "reply_to": stand.ReplyChannel},
		{"control": "alive", "reply_to": strings.Repeat("x", 64)},
		{"self_check": true},
	}
	s := settings{broker: "    max_connection_idle_seconds: 3600\n    max_self_check_message_age_seconds: 2\n"}
	both(t, s, func(b *bed) string {
		var all []string
		for _, m := range bad {
			all = append(all, b.poison(m))
		}
		return strings.Join(all, "; ")
	}, strings.Repeat("1 connections lost, answer null; ", 4)+"1 connections lost, answer null",
		"0 connections lost, answer null; 0 connections lost, answer null; "+
			`0 connections lost, answer [{"error":"control_data must be an object"}]; `+
			"0 connections lost, answer null; 0 connections lost, answer null")
}

// A delay that is text stays listed, and each later delayed message fails on it.
func TestInteropFault15BadDelayFailsEachLaterDelayedMessage(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		b.poison(mark("bad", body{"delay": "soon"}))
		later := b.poison(mark("good", body{"delay": 0.01}))
		left := ""
		if b.original() {
			left = b.running()
		} else {
			b.waitLines("ran", 1)
			left = b.leftAfter("good")
		}
		return fmt.Sprintf("%s; ran %q, listed %q", later, b.ran(), left)
	}, `1 connections lost, answer null; ran "", listed "delayed:bad delayed:good"`,
		`0 connections lost, answer null; ran "good", listed ""`)
}

// Whatever is raised when a delayed message fires stops the original.
func TestInteropFault15DelayedBadRequestStopsTheService(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		b.tell(body{"control": "logging", "delay": 0.01})
		return b.goesOn()
	}, "it has ended with code 0", "it goes on")
}

// goesOn waits until the original has ended, or ours has run another task.
func (b *bed) goesOn() string {
	b.t.Helper()
	if b.original() {
		return fmt.Sprintf("it has ended with code %d", b.exitCode())
	}
	b.tell(mark("next"))
	b.waitFor("the next task", func() bool { return strings.Contains(b.ran(), "next") })
	return "it goes on"
}

// A timeout that is text, of a task that runs, keeps all other timeouts from being set.
func TestInteropFault16BadTimeoutBreaksAllTimeouts(t *testing.T) {
	both(t, settings{pool: "min_workers: 2, max_workers: 2"}, func(b *bed) string {
		first := b.poison(hold("bad", body{"timeout": "soon"}))
		later := b.poison(hold("good", body{"timeout": 0.3}))
		if b.original() { // nothing has set it there
			return first + "; " + later + "; " + b.running()
		}
		return first + "; " + later + "; " + b.leftAfter("good")
	}, "1 connections lost, answer null; 1 connections lost, answer null; worker:bad worker:good",
		"0 connections lost, answer null; 0 connections lost, answer null; ")
}

// A queued task with such a timeout stops the original when a worker takes it.
func TestInteropFault16BadTimeoutInTheQueueStopsTheService(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		b.tell(hold("first"), mark("bad", body{"timeout": "soon"}))
		b.touch("first.gate")
		return b.goesOn()
	}, "it has ended with code 0", "it goes on")
}

// The original's socket is gone for good when what has come over it has ended its listener once, and so
// are all who were connected.
func TestInteropFault17SocketIsDeadAfterOneBadMessage(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		bystander, err := stand.Dial(b.Path("d.sock"))
		if err != nil {
			b.t.Fatal(err)
		}
		defer bystander.Conn.Close()
		if _, err := bystander.Until("before"); err != nil {
			b.t.Fatal(err)
		}
		b.throw(body{"control": "logging"})
		if b.original() { // a second server has come and gone
			b.waitLog(2, "Set up socket server", "")
			b.waitFor("the end of the socket", func() bool { _, err := os.Lstat(b.Path("d.sock")); return err != nil })
		}
		_, err = bystander.Until("after")
		_, dialled := stand.Dial(b.Path("d.sock"))
		_, serves := b.askOverPostgres("aio_tasks")["dispatcherd.brokers.socket_production"]
		return fmt.Sprintf("a bystander is served: %v, a newcomer: %v, its task is there: %v", err == nil, dialled == nil, serves)
	}, "a bystander is served: false, a newcomer: false, its task is there: false",
		"a bystander is served: true, a newcomer: true, its task is there: true")
}

// throw sends a message over the socket and waits for nothing.
func (b *bed) throw(m body) {
	b.t.Helper()
	c, err := stand.Dial(b.Path("d.sock"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Conn.Close()
	if err := c.Send(encode(b.t, m) + "\n"); err != nil {
		b.t.Fatal(err)
	}
}

// A worker that is not listed says something, and the original stops.
func TestInteropFault18WordOfAnUnknownWorkerStopsTheService(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		b.tell(body{"task": "app.gated.misreport", "args": []any{4711}})
		return b.goesOn()
	}, "it has ended with code 0", "it goes on")
}

// The original ends with the code of success when one of its parts has failed.
func TestInteropFault19FatalErrorEndsWithTheCodeOfSuccess(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		b.tell(body{"task": "app.gated.misreport", "args": []any{"no number"}})
		return b.goesOn()
	}, "it has ended with code 0", "it goes on")
}
