package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/tests/postgres"
)

// ours is a program that uses our library, with settings that are a file's path or a dict.
type ours struct {
	name     string // of its broker
	settings string
}

// ourBrokers returns a program for each way to the daemon.
func (d *daemon) ourBrokers(db *postgres.Database, channel string) (all []ours) {
	for _, o := range d.brokers(db, channel) {
		all = append(all, ours{o.name, encode(d.t, map[string]any{"version": 2, "brokers": o.brokers})})
	}
	return all
}

// run runs Python code with the names of project/ours.py and returns what it answered. The code
// finds arguments in args.
func (o ours) run(t *testing.T, code string, arguments ...any) (answers []any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	command := []string{"-B", "project/ours.py", o.settings}
	for _, a := range arguments {
		command = append(command, encode(t, a))
	}
	cmd := exec.CommandContext(ctx, virtual(t), command...)
	cmd.Env = withOurLibrary(t)
	cmd.Stdin = strings.NewReader(code)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("a program with our library over %s: %v\n%s\n%s", o.name, err, code, stderr.String())
	}
	for line := range strings.Lines(string(out)) {
		var a any
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("a program with our library printed %q: %v", line, err)
		}
		answers = append(answers, a)
	}
	return answers
}

// withOurLibrary is an environment in which Python finds our library before the original.
func withOurLibrary(t *testing.T, more ...string) []string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "workers", "python"))
	if err != nil {
		t.Fatal(err)
	}
	return append(os.Environ(), "PYTHONPATH="+strings.Join(append([]string{path}, more...), ":"))
}

func TestWhatOurLibraryPublishesRuns(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, "tasks = \"any\"", "", "jobs")
	for _, o := range d.ourBrokers(db, "jobs") {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			path := func(i int) string { return d.file(fmt.Sprintf("%s-%d", o.name, i)) }
			var code strings.Builder
			for i, p := range publications {
				fmt.Fprintf(&code, "path = %q\n%s\n", path(i), p.code)
			}
			o.run(t, code.String())
			for i, p := range publications {
				t.Run(p.name, func(t *testing.T) {
					if lines := waitFile(t, path(i), 1); !slices.Equal(lines, []string{p.want}) {
						t.Errorf("%s made the task write %q, want %q", p.code, lines, p.want)
					}
				})
			}
		})
	}
}

func TestMessageOfExactly8000BytesArrives(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, "tasks = \"any\"", "", "jobs")
	o := d.ourBrokers(db, "jobs")[0]
	path := d.file("long")
	o.run(t, `
for size in (7999, 8000, 8001):
    body = {"task": "app.jobs.digest", "args": [args[0], ""]}
    body["args"][1] = "x" * (size - len(json.dumps(body)))
    text = json.dumps(body)
    assert len(text) == size
    publisher.publish_message(message=text)
`, path)
	if lines := waitFile(t, path, 3); len(lines) != 3 {
		t.Errorf("%d of 3 tasks ran: %q", len(lines), lines)
	}
}

// Publisher, control client and daemon read one file.
func TestOurLibraryReadsTheDaemonsFile(t *testing.T) {
	t.Parallel()
	d, _ := startListening(t, "", "max_workers = 3", "jobs")
	o := ours{"the daemon's file", filepath.Join(d.dir, "dispatcherd.toml")}
	path := d.file("ran")
	answers := o.run(t, `
import os
from dispatcherd.config import settings
os.chdir(args[1])  # where the path of the socket begins
answer([settings.service["pool_kwargs"]["max_workers"], str(publisher), control.broker_name, settings.service["main_kwargs"]])
jobs.record.delay(args[0], "by the file")
answer(control.control_with_reply("alive", timeout=30))
`, path, d.dir)
	want := []any{
		[]any{3.0, "pg_notify-broker", "socket", map[string]any{"node_id": "test"}},
		[]any{map[string]any{"node_id": "test"}},
	}
	if diff := cmp.Diff(want, answers); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	waitFile(t, path, 1)
}

func TestOurControlAsksTheDaemon(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, "", "", "jobs")
	for _, o := range d.ourBrokers(db, "jobs") {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			uuid := "u-" + o.name
			answers := o.run(t, `
submit_task(tasks.nap, args=[600], uuid=args[0], processor_options=[Delayer.Params(delay=600)])
def areply(*a, **k):
    return asyncio.run(control.acontrol_with_reply(*a, **k))
for ask in (control.control_with_reply, areply):
    answer(ask("alive", timeout=30))
    answer(len(ask("running", data={"uuid": args[0]}, timeout=30)[0]))
    answer(ask("nonsense", timeout=30)[0]["error"])
    answer(len(ask("status", timeout=30)[0]) > 5)
if args[1]:
    control.control("cancel", data={"uuid": args[0]})
else:
    asyncio.run(control.acontrol("cancel", data={"uuid": args[0]}))
while len(control.control_with_reply("running", data={"uuid": args[0]}, timeout=30)[0]) > 1:
    pass
`, uuid, o.name == "socket")
			once := []any{[]any{map[string]any{"node_id": "test"}}, 2.0, "No control method nonsense", true}
			if diff := cmp.Diff(slices.Concat(once, once), answers); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAllDaemonsOnAChannelAnswerOurLibrary(t *testing.T) {
	t.Parallel()
	north, _, db := startTwo(t)
	for _, code := range []string{
		`answer(control.control_with_reply("alive", expected_replies=2, timeout=30))`,
		`answer(asyncio.run(control.acontrol_with_reply("alive", expected_replies=2, timeout=30)))`,
	} {
		replies, _ := north.ourBrokers(db, "both")[0].run(t, code)[0].([]any)
		if got, want := nodes(replies), []string{"north", "south"}; !slices.Equal(got, want) {
			t.Errorf("%s: %v answered, want %v", code, got, want)
		}
	}
}

func TestQueueOfOurDecoratorIsWhereATaskGoes(t *testing.T) {
	t.Parallel()
	north, _, db := startTwo(t)
	o := north.ourBrokers(db, "nobody")[0]
	path := north.file("queues")
	answers := o.run(t, `
answer(jobs.northern.delay(args[0])[1])
answer(jobs.southern.delay(args[0])[1])
answer(submit_task(jobs.northern, args=args, queue="south")[1])
`, path)
	if want := []any{"north", "south", "south"}; !slices.Equal(answers, want) {
		t.Errorf("the tasks were sent to %v, want %v", answers, want)
	}
	lines := waitFile(t, path, 3)
	slices.Sort(lines)
	if want := []string{"north", "south", "south"}; !slices.Equal(lines, want) {
		t.Errorf("the tasks ran in %q, want %q", lines, want)
	}
}

func TestTaskOfATransactionRunsWhenItCommits(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, "", "", "jobs")
	o := d.ourBrokers(db, "jobs")[0]
	path := d.file("committed")
	o.run(t, `
import psycopg
for word in ("rolled back", "committed"):
    with psycopg.connect(args[1]) as connection:
        jobs.record.apply_async(args=[args[0], word], connection=connection)
        submit_task(jobs.record, args=[args[0], word], connection=connection)
        if word == "rolled back":
            connection.rollback()
`, path, db.ConnInfo())
	want := []string{`[["committed"], {}]`, `[["committed"], {}]`}
	if lines := waitFile(t, path, 2); !slices.Equal(lines, want) {
		t.Errorf("the tasks wrote %q, want %q", lines, want)
	}
}

func TestOurLibrarySendsWhatTheOriginalSends(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	wire := func(library string, env []string) []string {
		cmd := exec.CommandContext(t.Context(), virtual(t), "-B", "project/wire.py", db.ConnInfo(), filepath.Join(shortDir(t), "s"))
		cmd.Env = env
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, stderr.String())
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if last := lines[len(lines)-1]; !strings.Contains(last, library) {
			t.Fatalf("the library was %s, want one in %s", last, library)
		}
		return lines[:len(lines)-1]
	}
	theirs, ours := wire("site-packages", os.Environ()), wire("workers/python", withOurLibrary(t))
	if len(theirs) < 20 {
		t.Errorf("only %d messages were seen", len(theirs))
	}
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("messages (-original +ours):\n%s", diff)
	}
}

// shortDir is a directory whose name leaves room for a socket's.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "d-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
