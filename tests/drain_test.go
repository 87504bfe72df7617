package tests

import (
	"strings"
	"syscall"
	"testing"

	"dispatcherd/tests/postgres"
)

func TestDrainKeepsNotificationsAndResumeRunsThem(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "max_workers = 2", "jobs")
	held := d.hold("held")
	drain := d.background("drain")
	d.waitLog("draining: nothing new is taken")
	over := overPostgres(t, db, "jobs")
	over.run(t, `submit_task(tasks.mark, args=args)`, d.file("marked"))
	c := d.connect()
	c.send(`{"task": "app.tasks.mark", "uuid": "line", "args": [` + quoted(d.file("marked")) + `]}`)
	waitFor(t, "both tasks to be kept", func() bool { return d.figure("tasks", "queued") == 2 })
	if !drain.waits() {
		t.Errorf("drain does not wait: %+v", drain.answer())
	}
	c.send(`{"control": "run", "reply_to": "x", "control_data": {"task": "app.tasks.nothing"}}`)
	c.expect(`{"error": "task is not accepted: the service is draining; dispatcherctl drain --resume ends that"`)
	held.letGo()
	held.wantEnd(0, "outcome: succeeded")
	a := drain.answer()
	if a.code != 0 || !strings.Contains(a.stdout, "running: 0") || !strings.Contains(a.stdout, "queued: 2") {
		t.Errorf("drain ended with %d\n%s%s", a.code, a.stdout, a.stderr)
	}
	if !strings.Contains(a.stderr, "draining, 1 of 1 tasks still run\n") {
		t.Errorf("drain has shown no progress: %q", a.stderr)
	}
	if status := d.ctl("status", "-o", "table"); !strings.Contains(status.stdout, "DRAINING") {
		t.Errorf("status does not say that it drains:\n%s", status.stdout)
	}
	if a := d.ctl("drain", "--resume"); a.code != 0 || !strings.Contains(a.stdout, "draining: false") {
		t.Errorf("drain --resume ended with %d\n%s%s", a.code, a.stdout, a.stderr)
	}
	waitFile(t, d.file("marked"), 2)
	d.task("app.tasks.nothing")
}

func TestDrainEndsWithItsTimeoutAndIsNotOver(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1\nshutdown_grace = \"0s\""))
	d.hold("held")
	a := d.ctl("drain", "--timeout", "0.1")
	if want := "dispatcherctl: 1 tasks still run after 100ms; nothing new is taken until drain --resume\n"; a.code != 1 || !strings.HasSuffix(a.stderr, want) {
		t.Errorf("drain ended with %d\n%s, want %s", a.code, a.stderr, want)
	}
	if a := d.ctl("drain", "--no-wait"); a.code != 0 || !strings.Contains(a.stdout, "draining: true") || !strings.Contains(a.stdout, "running: 1") {
		t.Errorf("drain --no-wait ended with %d\n%s%s", a.code, a.stdout, a.stderr)
	}
}

func TestDrainThatSomebodyElseEndsSaysSo(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1\nshutdown_grace = \"0s\""))
	d.hold("held")
	drain := d.background("drain")
	d.waitLog("draining: nothing new is taken")
	d.ctl("drain", "--resume")
	if a := drain.answer(); a.code != 1 || !strings.Contains(a.stderr, "the drain was ended by somebody else while 1 tasks ran") {
		t.Errorf("drain ended with %d\n%s", a.code, a.stderr)
	}
}

func TestScheduledTasksAreLeftOutDuringADrain(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1", "[[schedule]]\ntask = \"app.tasks.nothing\"\nevery = \"50ms\"\n"))
	d.ctl("drain")
	d.waitLog(`msg="a task that was due is not run" part=schedule`)
	before := d.figure("tasks", "accepted")
	d.waitLogs(`msg="a task that was due is not run" part=schedule`, 3)
	if after := d.figure("tasks", "accepted"); after != before {
		t.Errorf("%d tasks of the schedule were taken during the drain", after-before)
	}
	d.ctl("drain", "--resume")
	waitFor(t, "the schedule to go on", func() bool { return d.figure("tasks", "accepted") > before })
}

func TestStopDuringADrainNamesWhatWasKept(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	d.ctl("drain")
	c := d.connect()
	c.send(`{"task": "app.tasks.nothing", "uuid": "kept"}`)
	c.alive()
	send(t, "the daemon", d.pid(), syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("the daemon ended with %d", code)
	}
	if line := d.waitLog("tasks are abandoned"); !strings.Contains(line, "kept") {
		t.Errorf("the task is not named in %s", line)
	}
}

func TestDrainOverPostgresNeedsNoWait(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	d := start(t, config(t, "", "max_workers = 1", permitting(db, "all")))
	d.waitLog(lineListening)
	ctl := func(args ...string) answer {
		return runProgram(t, d.dir, "dispatcherctl", append([]string{"--config", "dispatcherd.toml", "--broker", "pg_notify"}, args...)...)
	}
	if a := ctl("drain"); a.code != 2 || !strings.Contains(a.stderr, "it needs --no-wait") {
		t.Errorf("drain ended with %d\n%s", a.code, a.stderr)
	}
	if a := ctl("drain", "--no-wait"); a.code != 0 || !strings.Contains(a.stdout, "draining: true") {
		t.Errorf("drain --no-wait ended with %d\n%s%s", a.code, a.stdout, a.stderr)
	}
}

func TestDrainShowsABarOnATerminalAndTakesItAway(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		columns    int
		both, half string
	}{
		"wide": {80, "draining, 2 of 2 still run [" + strings.Repeat("-", 30) + "]",
			"draining, 1 of 2 still run [" + strings.Repeat("#", 15) + strings.Repeat("-", 15) + "]"},
		"narrow": {20, "draining, 2 of 2 still", "draining, 1 of 2 still"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := start(t, config(t, "", "min_workers = 2\nmax_workers = 2"))
			one, two := d.hold("one"), d.hold("two")
			screen := newScreen(t, tt.columns)
			drain := d.inTerminal(screen, "drain")
			tt.both, tt.half = tt.both[:min(len(tt.both), tt.columns-1)], tt.half[:min(len(tt.half), tt.columns-1)]
			waitFor(t, "the bar", func() bool { return strings.HasPrefix(screen.text(), tt.both) })
			one.letGo()
			waitFor(t, "half a bar", func() bool { return strings.HasPrefix(screen.text(), tt.half) })
			if text := screen.text(); strings.Contains(text, "\n") {
				t.Errorf("the bar is more than a row:\n%s", text)
			}
			two.letGo()
			if a := drain.answer(); a.code != 0 || !strings.Contains(a.stdout, "running: 0") {
				t.Errorf("drain ended with %d\n%s", a.code, a.stdout)
			}
			screen.end()
			if text := screen.text(); text != "" || !screen.wraps {
				t.Errorf("the terminal is left with %q, and goes on in the next row: %v", text, screen.wraps)
			}
		})
	}
}

func TestDrainThatIsOverInTimeSaysSoOnACleanRow(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	held := d.hold("held")
	screen := newScreen(t, 200)
	drain := d.inTerminal(screen, "drain", "--timeout", "0.2")
	if a := drain.answer(); a.code != 1 {
		t.Errorf("drain ended with %d\n%s", a.code, a.stdout)
	}
	screen.end()
	const want = "dispatcherctl: 1 tasks still run after 200ms; nothing new is taken until drain --resume"
	if text := screen.text(); text != want {
		t.Errorf("the terminal shows %q, want %q", text, want)
	}
	held.letGo()
}
