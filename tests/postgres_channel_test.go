package tests

import (
	"fmt"
	"strings"
	"testing"

	"dispatcherd/pgnotify"
	"dispatcherd/tests/postgres"
)

// channelNames are those of the original's own tests, and more; they are valid
// or not for Postgres, which is asked.
var channelNames = []string{
	"test_channel", "UPPER lower", "dash-ed", "-leading", "1", "select", `"`, "'; --", "😀🎉", "канал", "频道", "é",
	strings.Repeat("a", 63), strings.Repeat("é", 31) + "x", strings.Repeat("😀", 15),
	"", strings.Repeat("a", 64), strings.Repeat("a", 120), strings.Repeat("é", 32), strings.Repeat("😀", 16),
}

func TestChannelNamesAreValidWhereTheyAreForPostgresAndTheOriginal(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	theirs := overPostgres(t, db, "jobs").ask(t, `
from dispatcherd.brokers.pg_notify import validate_channel_name

def valid(name):
    try:
        validate_channel_name(name)
    except Exception:
        return False
    return True

answer([valid(name) for name in args])
`, anySlice(channelNames)...).([]any)
	for i, name := range channelNames {
		text := strings.ReplaceAll(name, "'", "''")
		server := db.Exec(t, fmt.Sprintf(`CREATE FUNCTION pg_temp.valid() RETURNS bool LANGUAGE plpgsql AS $f$ BEGIN
	PERFORM pg_notify('%s', '');
	RETURN true;
EXCEPTION WHEN invalid_parameter_value THEN RETURN false; END $f$; SELECT pg_temp.valid()`, text)) == "t"
		cfg := pgnotify.DefaultConfig()
		cfg.Channels = []string{name}
		err := cfg.Validate()
		if ours := err == nil; ours != server || ours != theirs[i] {
			t.Errorf("%q: ours %v (%v), Postgres %v, the original %v", name, ours, err, server, theirs[i])
		}
		_, err = cfg.PublishChannel(name)
		if name != "" && (err == nil) != server { // none asked for is the default
			t.Errorf("publish on %q: %v, Postgres %v", name, err, server)
		}
	}
}

func TestSelfChecksOfTheOriginalDoNotDisturb(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	o := overPostgres(t, db, "jobs")
	o.run(t, `
for message in [{"self_check": True, "task": "lambda: \"broker_0\""}, {"self_check": True}, {"self_check": None, "task": "app.tasks.nothing", "uuid": "checked"}]:
    publisher.publish_message(message=json.dumps(message))
`)
	if line := d.ended("checked"); !strings.Contains(line, "outcome=succeeded") {
		t.Error(line)
	}
	wantAlive(t, o.control(t, "alive", nil))
	producer, _ := d.ask("producers")["pg_notify-producer"].(map[string]any)
	if producer["recycle_count"] != 0.0 || producer["connected"] != true {
		t.Errorf("producers shows %v, want that nothing was recycled", producer)
	}
}

func TestBrokerOfTheOriginalChecksItselfWhileWeListen(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	o := overPostgres(t, db, "jobs")
	// A listener of the original's on the same database, whose self-check is on a channel of its own.
	got := o.ask(t, `
broker = get_publisher_from_settings(channels=["theirs"], max_connection_idle_seconds=1, max_self_check_message_age_seconds=1)

async def listen():
    async def first():
        async for channel, text in broker.aprocess_notify():
            return [channel.startswith("self_check_"), json.loads(text)["self_check"]]
    return await asyncio.wait_for(first(), timeout=20)

answer(asyncio.run(listen()))
`)
	if fmt.Sprint(got) != "[true true]" {
		t.Errorf("the original's listener received %v first, want its own self-check", got)
	}
	if n := d.figure("tasks", "accepted"); n != 0 {
		t.Errorf("%d tasks came of it, want none", n)
	}
}

func TestRequestBeforeFiveTasksInOneTransactionLosesNone(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	path := d.file("ran")
	// The original loses all five.
	got := overPostgres(t, db, "jobs").ask(t, `
broker = get_publisher_from_settings(channels=["answers"])

def send():
    connection = broker.get_connection()
    with connection.transaction():
        messages = [{"control": "alive", "reply_to": "answers"}]
        messages += [{"task": "app.tasks.mark", "args": [args[0], str(n)]} for n in range(5)]
        for message in messages:
            connection.execute("SELECT pg_notify('jobs', %s)", [json.dumps(message)])

answer([json.loads(text) for _, text in broker.process_notify(connected_callback=send, timeout=30, max_messages=1)])
`, path)
	if fmt.Sprint(got) != "[map[node_id:test]]" {
		t.Errorf("the request was answered with %v", got)
	}
	if lines := waitFile(t, path, 5); len(lines) != 5 {
		t.Errorf("%d tasks ran, want 5", len(lines))
	}
}

func TestDaemonNamesThePoolerInTransactionMode(t *testing.T) {
	t.Parallel()
	c := postgres.Shared(t)
	db := c.NewDatabase(t)
	transaction, session := postgres.StartPooler(t, c, "transaction"), postgres.StartPooler(t, c, "session")
	behind := func(p *postgres.Pooler) *daemon {
		toml := strings.Replace(config(t, "", "", listening(db, "jobs")), db.ConnInfo(), p.ConnInfo(db), 1)
		return start(t, toml)
	}
	wrong, right := behind(transaction), behind(session)
	line := wrong.waitLog("connection pooler in transaction mode")
	if !strings.Contains(line, "level=WARN") || !strings.Contains(line, "use a pool in session mode, or Postgres itself") {
		t.Errorf("the mistake is told so: %s", line)
	}
	producer, _ := wrong.ask("producers")["pg_notify-producer"].(map[string]any)
	if text, _ := producer["last_error"].(string); producer["connected"] != false || !strings.Contains(text, "transaction mode") {
		t.Errorf("producers shows %v", producer)
	}
	right.waitLog(lineListening)
	path := right.file("ran")
	db.Exec(t, fmt.Sprintf(`NOTIFY jobs, '{"task": "app.tasks.mark", "args": ["%s"]}'`, path))
	waitFile(t, path, 1)
}
