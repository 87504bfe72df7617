package tests

import (
	"strings"
	"testing"

	"dispatcherd/daemon/journal"
	"dispatcherd/daemon/journal/journaltest"
)

const (
	anyText   = `worker.tasks is "any": whoever can send a message can run any Python, lambda text too`
	anyCancel = "control.cancel_without_filter is true: a cancel that names no task cancels every one"
	openly    = "[control]\ncancel_without_filter = true\n"
)

// wantUnsafe looks at the status for what is open, in text and as JSON.
func (d *daemon) wantUnsafe(want string) {
	d.t.Helper()
	if want != "" {
		want = d.config + ": " + want
	}
	if got := d.ask("status")["unsafe"]; got != want {
		d.t.Errorf("the status has as unsafe: %v\nwant: %s", got, want)
	}
	text := d.ctl("status", "-o", "table").stdout
	if loud := strings.Count(text, "UNSAFE"); (loud == 1) != (want != "") || !strings.Contains(text, want) {
		d.t.Errorf("the status says\n%s\nwant once: %s", text, want)
	}
}

func TestUnsafeConfigurationIsOneLoudLine(t *testing.T) {
	t.Parallel()
	d, record := startWithJournal(t, config(t, `tasks = "any"`, "max_workers = 1", openly))
	both := anyText + "; " + anyCancel
	record.Wait(journaltest.Entry{
		"MESSAGE_ID": journal.Events["configuration-unsafe"], "PRIORITY": "4", "MESSAGE": "UNSAFE: " + d.config + ": " + both + "*",
	})
	d.wantUnsafe(both)
	dispatcherd(t, d.dir, nil, "--config", d.config, "--check").want(t, 0, "UNSAFE: "+d.config+": "+both+"\n"+d.config+": no problems found\n", "")
}

func TestReloadTellsWhatHasBecomeUnsafeOnce(t *testing.T) {
	t.Parallel()
	safe := config(t, "", "max_workers = 1")
	d := start(t, safe)
	d.wantUnsafe("")
	d.rewrite(safe + openly)
	for range 2 {
		d.wantReload(`"node_id"`)
	}
	d.wantUnsafe(anyCancel)
	if lines := d.log.all("UNSAFE"); len(lines) != 1 || !strings.Contains(lines[0], "level=WARN") {
		t.Errorf("of a configuration that has become unsafe the log says %q, want one warning", lines)
	}
	d.rewrite(safe)
	d.wantReload("control.cancel_without_filter")
	d.wantUnsafe("")
}

func TestCancelThatNamesNoTaskIsRefused(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	held := d.hold("held")
	c := d.as(person{uid: 0})
	for _, data := range []string{``, `, "control_data": {}`, `, "control_data": {"uuid": "", "args": []}`, `, "control_data": {"al": true}`} {
		c.send(`{"control": "cancel", "reply_to": "x"` + data + `}`)
		c.expect(`{"error": "cancel needs a filter, which is task, uuid, args or kwargs, or \"all\": true for every task (control.cancel_without_filter permits it without)", "node_id": "test"}`)
	}
	if n := d.figure("tasks", "running"); n != 1 {
		t.Errorf("%d tasks run after cancels that name none, want the one", n)
	}
	if a := d.ctl("cancel", "--all"); a.code != 0 || !strings.Contains(a.stdout, "held") {
		t.Errorf("cancel --all ended with %d\n%s%s", a.code, a.stdout, a.stderr)
	}
	held.wantEnd(1, "outcome: cancelled")
}
