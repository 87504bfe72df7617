package tests

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dispatcherd/tests/postgres"
)

func TestConnectionFactoriesOfTheOriginalAreThePublishers(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	o := overPostgres(t, db, "jobs")
	settings, _ := o.brokers["pg_notify"].(map[string]any)
	for name, more := range map[string]map[string]any{
		"factories": {
			"sync_connection_factory":  "dispatcherd.brokers.pg_notify.connection_saver",
			"async_connection_factory": "dispatcherd.brokers.pg_notify.async_connection_saver",
		},
		"keywords": {"config": map[string]any{"dbname": db.Name, "host": filepath.Dir(db.Socket()), "port": db.Port(), "user": "postgres"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with := maps.Clone(settings)
			maps.Copy(with, more)
			o := original{t, "pg_notify", map[string]any{"pg_notify": with}}
			d.wantServed(o, name)
		})
	}
}

func TestChannelOfAMessageIsTheOneItCameOver(t *testing.T) {
	t.Parallel()
	// Three are listened to, a fourth is not; which is used when none is asked for is the publisher's business.
	d, db := startListening(t, withOriginal(t), "", "one", "two", "three")
	path := d.file("ran")
	o := overPostgres(t, db, "two")
	got := o.ask(t, `
used = [submit_task(tasks.mark, args=[args[0], str(queue)], queue=queue)[1] for queue in ("four", "one", None, "three")]
answer(used)
`, path)
	if fmt.Sprint(got) != "[four one two three]" {
		t.Errorf("the original says that it published on %v", got)
	}
	if lines := waitFile(t, path, 3); len(lines) != 3 || strings.Contains(strings.Join(lines, " "), "four") {
		t.Errorf("tasks over %q ran", lines)
	}
	if n := d.figure("tasks", "accepted"); n != 3 {
		t.Errorf("%d tasks were accepted, want 3", n)
	}
}

func TestStopLeavesNoConnectionToPostgres(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	d := start(t, config(t, withOriginal(t), "", listening(db, "jobs")))
	d.waitLog(lineListening)
	wantAlive(t, overPostgres(t, db, "jobs").control(t, "alive", nil))
	const count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'dispatcherd'"
	if n := db.Exec(t, count); n != "2" {
		t.Errorf("%s connections, want one that listens and one that has replied", n)
	}
	d.stop()
	waitFor(t, "the end of the connections", func() bool { return db.Exec(t, count) == "0" })
}

func TestOnlyBrokersAreRecycled(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	d := start(t, config(t, "", "", listening(db, "jobs"),
		"[[schedule]]\ntask = \"app.tasks.nothing\"\nevery = \"1h\"\n[[on_start]]\ntask = \"app.tasks.nothing\""))
	reply := d.ask("producers")
	for name, recycled := range map[string]bool{
		"pg_notify-producer": true, "socket-producer": true, "scheduled-producer": false, "on-start-producer": false,
	} {
		producer, ok := reply[name].(map[string]any)
		if _, has := producer["recycle_count"]; !ok || has != recycled {
			t.Errorf("%s is %v, want it with recycle_count: %v", name, producer, recycled)
		}
	}
}

func TestCtlNamesThePoolerInTransactionMode(t *testing.T) {
	t.Parallel()
	c := postgres.Shared(t)
	db := c.NewDatabase(t)
	behind := postgres.StartPooler(t, c, "transaction").ConnInfo(db)
	d := prepare(t, strings.Replace(config(t, "", "", listening(db, "jobs")), db.ConnInfo(), behind, 1))
	a := d.notify("alive", "--timeout", "3")
	if a.code == 0 || a.stdout != "" || !strings.Contains(a.stderr, "leads to a connection pooler in transaction mode") || strings.Count(a.stderr, "\n") != 1 {
		t.Errorf("dispatcherctl ended with %d, stdout %q and stderr %q, want one line about the pooler", a.code, a.stdout, a.stderr)
	}
}

func TestCtlDoesNotCheckItsConnection(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	d := prepare(t, config(t, "", "", listening(db, "jobs")+`max_connection_idle = "10ms"`))
	cmd := exec.Command(filepath.Join(programs, "dispatcherctl"), "--config", "dispatcherd.toml", "--broker", "pg_notify", "alive", "--timeout", "600")
	cmd.Dir = d.dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	})
	const ours = " FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'dispatcherd'"
	waitFor(t, "the request to be published", func() bool {
		return db.Exec(t, "SELECT count(*)"+ours+" AND query LIKE '%pg_notify(%' AND state = 'idle'") != "0"
	})
	before := db.Exec(t, "SELECT max(query_start)"+ours)
	db.Exec(t, "SELECT pg_sleep(0.5)") // fifty times the distance of checks
	if after := db.Exec(t, "SELECT max(query_start)"+ours); after != before {
		t.Errorf("the last query began at %s and then another at %s, want none", before, after)
	}
}
