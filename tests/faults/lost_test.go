package faults

import (
	"strings"
	"testing"

	"dispatcherd/tests/stand"
)

// five are tasks that note that they ran.
func five() []any {
	return []any{mark("1"), mark("2"), mark("3"), mark("4"), mark("5")}
}

// What Postgres hands over together with a request is lost when the original answers that.
func TestInteropFault01ReplyDropsTheRestOfTheBatch(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		b.notify(append([]any{body{"control": "alive", "reply_to": stand.ReplyChannel}}, five()...)...)
		b.replies()
		b.notify(mark("later"))
		b.waitFor("the task that was sent later", func() bool { return strings.Contains(strings.Join(b.lines("ran"), " "), "later") })
		return strings.Join(b.lines("ran"), " ")
	}, "later", "1 2 3 4 5 later")
}

// A cancel that several waiting tasks match passes over every second one in the original, whose list
// grows shorter under it.
func TestInteropFault09CancelMissesEverySecondMatch(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		b.tell(hold("first"), mark("a"), mark("b"), mark("c"), mark("d"))
		b.ask("cancel", body{"task": "app.tasks.mark"})
		return b.running()
	}, "queued:b queued:d worker:first", "worker:first")
}
