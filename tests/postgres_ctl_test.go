package tests

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"dispatcherd/tests/postgres"
)

// notify runs dispatcherctl over the daemon's Postgres.
func (d *daemon) notify(args ...string) answer {
	d.t.Helper()
	return runProgram(d.t, d.dir, "dispatcherctl", append([]string{"--config", "dispatcherd.toml", "--broker", "pg_notify"}, args...)...)
}

// replies takes the replies apart that dispatcherctl has printed as JSON.
func (a answer) replies(t *testing.T) (all []any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.stdout), &all); err != nil {
		t.Fatalf("%v\n%s%s", err, a.stdout, a.stderr)
	}
	return all
}

func TestCtlGathersTheRepliesOfAllDaemons(t *testing.T) {
	t.Parallel()
	north, _, _ := startTwo(t)
	a := north.notify("alive", "--channel", "both", "--expected-replies", "2", "--timeout", "30", "--output", "json")
	if got, want := nodes(a.replies(t)), []string{"north", "south"}; a.code != 0 || !slices.Equal(got, want) || a.stderr != "" {
		t.Errorf("exit code %d and replies of %v, want 0 and %v\n%s", a.code, got, want, a.stderr)
	}
	a = north.notify("alive", "--channel", "south", "--timeout", "30", "--output", "json")
	if got, want := nodes(a.replies(t)), []string{"south"}; a.code != 0 || !slices.Equal(got, want) {
		t.Errorf("on the channel of south: exit code %d and replies of %v, want 0 and %v\n%s", a.code, got, want, a.stderr)
	}
	a = north.notify("workers", "--channel", "both", "--expected-replies", "2", "--timeout", "30", "--output", "table")
	if a.code != 0 || !strings.Contains(a.stdout, "node north:") || !strings.Contains(a.stdout, "node south:") {
		t.Errorf("workers of two nodes, exit code %d:\n%s%s", a.code, a.stdout, a.stderr)
	}
}

func TestCtlPrintsTooFewRepliesAndFails(t *testing.T) {
	t.Parallel()
	d, _ := startListening(t, "", "", "jobs")
	for _, tt := range []struct {
		channel string
		want    []string
		line    string
	}{
		{"jobs", []string{"test"}, "dispatcherctl: obtained only 1 of 2 replies\n"},
		{"nobody listens", nil, "dispatcherctl: obtained only 0 of 2 replies\n"},
	} {
		t.Run(tt.channel, func(t *testing.T) {
			t.Parallel()
			a := d.notify("alive", "--channel", tt.channel, "--expected-replies", "2", "--timeout", "4", "--output", "json")
			if got := nodes(a.replies(t)); a.code != 1 || !slices.Equal(got, tt.want) || a.stderr != tt.line {
				t.Errorf("exit code %d, replies of %v and %q, want 1, %v and %q", a.code, got, a.stderr, tt.want, tt.line)
			}
		})
	}
}

func TestCtlSaysInOneLineThatPostgresIsAway(t *testing.T) {
	t.Parallel()
	d := prepare(t, config(t, "", "", section("host="+t.TempDir())))
	a := d.notify("alive", "--timeout", "300ms")
	if a.code != 1 || a.stdout != "" || strings.Count(a.stderr, "\n") != 1 || !strings.HasPrefix(a.stderr, "dispatcherctl: cannot reach Postgres: ") {
		t.Errorf("exit code %d, stdout %q and stderr %q, want 1, nothing and one line", a.code, a.stdout, a.stderr)
	}
}

func TestCtlSelectsAndCancelsOverPostgres(t *testing.T) {
	t.Parallel()
	d, _ := startListening(t, "", "max_workers = 2", "jobs")
	one, other := d.hold("one"), d.hold("other")
	running := d.notify("running", "--uuid", "one", "--timeout", "30", "--output", "json").replies(t)
	if got := keys(t, running[0]); len(got) != 2 {
		t.Errorf("running --uuid one shows %v, want one task and node_id", got)
	}
	if a := d.notify("cancel", "--uuid", "one", "--timeout", "30"); a.code != 0 || !strings.Contains(a.stdout, "uuid: one") {
		t.Errorf("cancel ended with %d:\n%s%s", a.code, a.stdout, a.stderr)
	}
	one.wantEnd(1, "outcome: cancelled")
	other.letGo()
	other.wantEnd(0, "outcome: succeeded")
}

func TestCtlReceivesALongReplyWhole(t *testing.T) {
	t.Parallel()
	d, _ := startListening(t, "", "", "jobs")
	long := strings.Repeat(`ä"`, 10000)
	text, err := json.Marshal(long)
	if err != nil {
		t.Fatal(err)
	}
	if a := d.ctl("run", "app.tasks.nothing", "--delay", "600", "--arg", string(text)); a.code != 0 {
		t.Fatalf("run ended with %d: %s", a.code, a.stderr)
	}
	reply, _ := d.notify("running", "--timeout", "30", "--output", "json").replies(t)[0].(map[string]any)
	task, _ := reply["delayed-0"].(map[string]any)
	if args, _ := task["args"].([]any); len(args) != 1 || args[0] != long {
		t.Errorf("the argument of %d bytes came as %.200v", len(long), args)
	}
}

func TestInterruptEndsTheWaitForRepliesOverPostgres(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	d := prepare(t, config(t, "", "", listening(db, "jobs")))
	cmd := exec.Command(filepath.Join(programs, "dispatcherctl"), "--config", "dispatcherd.toml", "--broker", "pg_notify", "alive", "--timeout", "600")
	cmd.Dir = d.dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the request to be published", func() bool {
		return db.Exec(t, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'dispatcherd' AND query LIKE '%pg_notify(%'") != "0"
	})
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code says it
	if code := cmd.ProcessState.ExitCode(); code != 130 || stderr.String() != "dispatcherctl: interrupted\n" {
		t.Errorf("an interrupt ended it with %d and %q, want 130 and one word", code, stderr.String())
	}
}

func TestCtlSubmitsATaskOverPostgresToAllThatListen(t *testing.T) {
	t.Parallel()
	north, south, _ := startTwo(t)
	a := north.notify("run", "app.tasks.nothing", "--delay", "600", "--uuid", "shared", "--channel", "both", "--expected-replies", "2", "--reply-timeout", "30s")
	if a.code != 0 || a.stdout != "shared\n" || a.stderr != "" {
		t.Fatalf("run ended with %d, stdout %q and stderr %q, want 0 and the uuid", a.code, a.stdout, a.stderr)
	}
	for _, d := range []*daemon{north, south} {
		if a := d.ctl("running", "--uuid", "shared"); !strings.Contains(a.stdout, "delayed-0") {
			t.Errorf("running shows no task:\n%s%s", a.stdout, a.stderr)
		}
	}
	a = north.notify("run", "app.tasks.nothing", "--uuid", "lost", "--channel", "nobody listens", "--reply-timeout", "2s")
	if want := "dispatcherctl: obtained only 0 of 1 replies\n"; a.code != 1 || a.stdout != "" || a.stderr != want {
		t.Errorf("run where nobody listens ended with %d, stdout %q and stderr %q, want 1 and %q", a.code, a.stdout, a.stderr, want)
	}
}
