package tests

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"dispatcherd/daemon/message"
	"dispatcherd/pgnotify"
	"dispatcherd/tests/postgres"
)

const lineExpired = `msg="chunked message is dropped"`

// withChunkTimeout sets how long the parts of a message may take to come.
func withChunkTimeout(toml, timeout string) string {
	return strings.Replace(toml, "version = 2\n", fmt.Sprintf("version = 2\nchunk_message_timeout = %q\n", timeout), 1)
}

// markOf is a task that notes its uuid, and whose text has so many bytes.
func markOf(path, uuid string, length int) string {
	text := fmt.Sprintf(`{"task": "app.tasks.mark", "uuid": %q, "args": [%q, %q], "pad": "%%s"}`, uuid, path, uuid)
	return fmt.Sprintf(text, strings.Repeat("x", length-len(text)+len("%s")))
}

func TestMessagesAtTheLimitOfPostgresArrive(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	cfg := pgnotify.DefaultConfig()
	cfg.Conninfo = db.ConnInfo()
	p := pgnotify.NewPublisher(cfg, slog.New(slog.DiscardHandler))
	t.Cleanup(p.Close)
	path := d.file("ran")
	for _, n := range []int{7999, 8000, 8001} {
		text := markOf(path, fmt.Sprintf("ours-%d", n), n)
		chunks, err := message.Split([]byte(text), pgnotify.MaxPayload)
		if err != nil || len(text) != n || (len(chunks) == 1) != (n < 8000) {
			t.Fatalf("%d bytes make %d chunks, %v", len(text), len(chunks), err)
		}
		for _, c := range chunks {
			if err := p.Publish(t.Context(), "jobs", string(c)); err != nil {
				t.Fatal(err)
			}
		}
	}
	refused := overPostgres(t, db, "jobs").ask(t, `
refused = []
for text in args:
    try:
        publisher.publish_message(message=text)
    except Exception:
        refused.append(len(text))
answer(refused)
`, markOf(path, "theirs-7999", 7999), markOf(path, "theirs-8000", 8000), markOf(path, "theirs-8001", 8001))
	if fmt.Sprint(refused) != "[8000]" {
		t.Errorf("the original cannot send %v bytes, want that 8000 alone are too many for it", refused)
	}
	for _, uuid := range []string{"ours-7999", "ours-8000", "ours-8001", "theirs-7999", "theirs-8001"} {
		if line := d.ended(uuid); !strings.Contains(line, "outcome=succeeded") {
			t.Errorf("%s: %s", uuid, line)
		}
	}
	waitFile(t, path, 5)
}

func TestRepliesAtTheLimitOfPostgresArrive(t *testing.T) {
	t.Parallel()
	_, db := startListening(t, "", "", "jobs")
	got := overPostgres(t, db, "jobs").ask(t, `
def running(uuid):
    return json.dumps(control.control_with_reply("running", data={"uuid": uuid}, timeout=30)[0])

def submit(uuid, pad):
    message = {"task": "app.tasks.nothing", "uuid": uuid, "delay": 600, "pad": "x" * pad}
    publisher.publish_message(message=json.dumps(message))
    return len(running(uuid))

broker = get_publisher_from_settings(channels=["answers"])

def pieces(uuid):
    request = json.dumps({"control": "running", "reply_to": "answers", "control_data": {"uuid": uuid}})
    replies = broker.process_notify(connected_callback=lambda: publisher.publish_message(message=request), timeout=2, max_messages=2)
    return [len(text) for _, text in replies]

base = submit("0000", 0)
answer([[submit(str(n), n - base), pieces(str(n))] for n in (7999, 8000, 8001)])
`)
	for i, n := range []int{7999, 8000, 8001} {
		entry := got.([]any)[i].([]any)
		pieces := entry[1].([]any)
		if length := int(entry[0].(float64)); length != n {
			t.Errorf("the reply has %d bytes, want %d", length, n)
		}
		t.Logf("%d bytes came as %v", n, pieces)
		if (len(pieces) == 1) != (n < 8000) {
			t.Errorf("a reply of %d bytes came as %v", n, pieces)
		}
		for _, p := range pieces {
			if p.(float64) >= 8000 {
				t.Errorf("a notification of %v bytes", p)
			}
		}
	}
}

func TestTenThousandChunksTwiceRunOneTask(t *testing.T) {
	t.Parallel()
	d := start(t, withChunkTimeout(config(t, "", "", withMetrics), "5s"))
	path := d.file("ran")
	text := markOf(path, "once", 900_000)
	once, err := message.Split([]byte(text), 210) // 87 bytes of the text each
	if err != nil || len(once) < 10_000 {
		t.Fatalf("%d chunks, %v", len(once), err)
	}
	chunks := append(asStrings(once), asStrings(once)...)
	seed := rand.Uint64()
	t.Logf("%d chunks, seed %d", len(once), seed)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(chunks), func(i, j int) { chunks[i], chunks[j] = chunks[j], chunks[i] })

	before := d.peakMemory()
	senders, each := 4, len(chunks)/4+1
	done := make(chan error, senders)
	for i := range senders {
		c, mine := d.connect(), chunks[min(i*each, len(chunks)):min((i+1)*each, len(chunks))]
		go func() {
			_, err := io.WriteString(c.nc, strings.Join(mine, "\n")+"\n")
			done <- err
		}()
	}
	d.connect().alive() // others are served meanwhile
	for range senders {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if line := d.ended("once"); !strings.Contains(line, "outcome=succeeded") {
		t.Error(line)
	}
	after := d.peakMemory()
	t.Logf("peak memory %d MiB, before %d MiB", after, before)
	if after-before > 64 {
		t.Errorf("the daemon has grown by %d MiB for a message of a million bytes", after-before)
	}
	line := d.waitLog(lineExpired) // what came a second time, and is not whole
	if !strings.Contains(line, fmt.Sprintf(" of %d", len(once))) {
		t.Errorf("the late chunks are given up so: %s", line)
	}
	d.connect().alive()
	if n := len(d.log.all(`msg="task ended"`)); n != 1 {
		t.Errorf("%d tasks ran, want one", n)
	}
	if lines := waitFile(t, path, 1); len(lines) != 1 {
		t.Errorf("the task ran %d times", len(lines))
	}
}

func TestPublisherThatDiesBetweenChunksIsNamed(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	d := start(t, withChunkTimeout(config(t, "", "", listening(db, "jobs"), withMetrics), "1s"))
	d.waitLog(lineListening)
	overPostgres(t, db, "jobs").run(t, `
import os
from dispatcherd.chunking import split_message

chunks = split_message(json.dumps({"task": "app.tasks.nothing", "args": ["x" * 30000]}), max_bytes=8000)
for i in (0, 2):
    publisher.publish_message(message=chunks[i])
os._exit(0)
`)
	line := d.waitLog(lineExpired)
	for _, want := range []string{"level=WARN", "received chunks 0, 2 of 4", "dropped after "} {
		if !strings.Contains(line, want) {
			t.Errorf("no %q in %s", want, line)
		}
	}
	if got := d.metrics()[metricRejected]; got != 1 {
		t.Errorf("%s is %v, want 1", metricRejected, got)
	}
	d.connect().alive()
}

func TestLastChunkMayComeLateWhereNothingExpires(t *testing.T) {
	t.Parallel()
	d := start(t, withChunkTimeout(config(t, "", ""), "0s"))
	path := d.file("ran")
	chunks, err := message.Split([]byte(markOf(path, "patient", 2000)), 1024)
	if err != nil {
		t.Fatal(err)
	}
	c := d.connect()
	c.send(asStrings(chunks[1:])...)
	c.nc.Close()
	for range 3 {
		d.task("app.tasks.nothing") // the original looks for what is too old after each message
	}
	if n := d.log.count(lineExpired); n != 0 {
		t.Errorf("%d messages were given up", n)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the task ran without its first chunk")
	}
	d.connect().send(string(chunks[0]))
	waitFile(t, path, 1)
}
