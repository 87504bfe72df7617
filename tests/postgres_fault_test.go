package tests

import (
	"strings"
	"testing"

	"dispatcherd/tests/postgres"
)

// What is logged about Postgres.
const (
	lineAway      = `msg="no connection to Postgres; trying again"`
	lineListening = `msg="listening to Postgres"`
	lineLost      = `msg="connection to Postgres lost; trying again"`
	lineAgain     = `msg="listening to Postgres again; notifications sent in the gap were lost"`
)

// wantServed shows that Postgres brings tasks and carries replies.
func (d *daemon) wantServed(o original, uuid string) {
	d.t.Helper()
	o.run(d.t, `tasks.nothing.apply_async(uuid=args[0])`, uuid)
	if line := d.ended(uuid); !strings.Contains(line, "outcome=succeeded") {
		d.t.Errorf("the task ended so: %s", line)
	}
	wantAlive(d.t, o.control(d.t, "alive", nil))
}

// wantOneGap checks that the loss and its end are a line each, and that the
// second one says how long notifications were lost.
func (d *daemon) wantOneGap() {
	d.t.Helper()
	again := d.waitLog(lineAgain)
	for _, want := range []string{" gap=", " attempts=", " channels=[jobs]", "level=WARN"} {
		if !strings.Contains(again, want) {
			d.t.Errorf("no %q in %q", want, again)
		}
	}
	if lost, again := d.log.count(lineLost), d.log.count(lineAgain); lost != 1 || again != 1 {
		d.t.Errorf("the loss was logged %d times and its end %d times, want once each:\n%s", lost, again, d.log)
	}
}

func TestPostgresMayBeAbsentAtTheStart(t *testing.T) {
	t.Parallel()
	c := postgres.Start(t)
	c.Stop(t)
	d := start(t, config(t, withOriginal(t), "", listening(&c.Database, "jobs")))
	d.waitLog(lineAway)
	d.connect().alive()
	if a := d.task("app.tasks.add", "--arg", "1", "--arg", "2"); !strings.Contains(a.stdout, "result: 3") {
		t.Errorf("a task over the socket ended so:\n%s%s", a.stdout, a.stderr)
	}
	producer, _ := d.ask("producers")["pg_notify-producer"].(map[string]any)
	if text, _ := producer["last_error"].(string); producer["connected"] != false || !strings.Contains(text, c.Socket()) {
		t.Errorf("producers shows %v, want the socket that nobody listens on", producer)
	}
	c.Start(t)
	d.waitLog(lineListening)
	d.wantServed(overPostgres(t, &c.Database, "jobs"), "late")
	if n := d.log.count(lineAway); n > 4 {
		t.Errorf("the absence was logged %d times:\n%s", n, d.log)
	}
}

func TestPostgresMayBeRestarted(t *testing.T) {
	t.Parallel()
	c := postgres.Start(t)
	d := start(t, config(t, withOriginal(t), "", listening(&c.Database, "jobs")))
	d.waitLog(lineListening)
	o := overPostgres(t, &c.Database, "jobs")
	d.wantServed(o, "before")
	h := d.hold("during")
	c.Restart(t)
	d.wantOneGap()
	d.wantServed(o, "after")
	h.letGo()
	h.wantEnd(0, "outcome: succeeded")
	producer, _ := d.ask("producers")["pg_notify-producer"].(map[string]any)
	if producer["connected"] != true || producer["recycle_count"] != 1.0 {
		t.Errorf("producers shows %v, want connected and one recycle", producer)
	}
}

func TestBackendOfPostgresMayBeTerminated(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	o := overPostgres(t, db, "jobs")
	d.wantServed(o, "before")
	// One listens, the other has published a reply.
	if n := db.Terminate(t, "dispatcherd"); n != 2 {
		t.Fatalf("%d backends were terminated, want 2", n)
	}
	d.wantOneGap()
	d.wantServed(o, "after")
}
