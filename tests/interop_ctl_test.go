package tests

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/control"
	"dispatcherd/tests/postgres"
)

// The tests in this file run one at a time: the original's dispatcherctl waits
// for a reply for one second and no longer.

// twins are the original's dispatcherctl and ours, in one directory.
type twins struct {
	t   *testing.T
	dir string
	// What each needs to find the daemon.
	theirs, ours []string
}

// both asks with both and returns what each answered.
func (w twins) both(t *testing.T, args ...string) (theirs, ours answer) {
	t.Helper()
	theirs = originalCtl(t, w.dir, slices.Concat(args, w.theirs, []string{"--log-level", "ERROR"})...)
	ours = runProgram(t, w.dir, "dispatcherctl", slices.Concat(args, w.ours, []string{"--log-level", "ERROR"})...)
	return theirs, ours
}

// originalCtl runs the original's dispatcherctl to its end.
func originalCtl(t *testing.T, dir string, args ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(virtual(t)), "dispatcherctl"), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DISPATCHERD_CONFIG_FILE=")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("the original's dispatcherctl %q: %v", args, err)
	}
	return answer{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// twins prepares both for each way to the daemon.
func (d *daemon) twins(db *postgres.Database, channel string) map[string]twins {
	d.t.Helper()
	write(d.t, d.file("socket.yml"), "version: 2\nbrokers:\n  socket:\n    socket_path: "+d.socket+"\n", 0o600)
	write(d.t, d.file("postgres.yml"), "version: 2\nbrokers:\n  pg_notify:\n    config:\n      conninfo: "+db.ConnInfo()+
		"\n    default_publish_channel: "+channel+"\n", 0o600)
	own := []string{"--config", "dispatcherd.toml"}
	return map[string]twins{
		"socket":    {d.t, d.dir, []string{"--config", "socket.yml"}, append(own, "--broker", "socket")},
		"pg_notify": {d.t, d.dir, []string{"--config", "postgres.yml"}, append(own, "--channel", channel)},
	}
}

// startInterop starts a daemon with room for one task at a time.
func startInterop(t *testing.T) (*daemon, *postgres.Database) {
	t.Helper()
	db := postgres.Shared(t).NewDatabase(t)
	d := start(t, config(t, withOriginal(t), "max_workers = 1\nshutdown_grace = \"0s\"", listening(db, "jobs")))
	d.waitLog(lineListening)
	return d, db
}

// Every command of the original's, with the options that it has.
var originalCommands = [][]string{
	{"running"},
	{"running", "--task", "app.tasks.nap"},
	{"running", "--uuid", "queued", "--task", "app.tasks.nothing"},
	{"running", "--uuid", "nobody"},
	{"cancel", "--uuid", "nobody"},
	{"cancel", "--task", "app.tasks.nobody"},
	{"alive"},
	{"aio_tasks"},
	{"aio_tasks", "--limit", "1"},
	{"workers"},
	{"producers"},
	{"metrics"},
	{"main"},
	{"status"},
	{"chunks"},
	{"set_log_level", "--level", "DEBUG"},
}

func TestInteropCtlAnswersEveryCommandAsTheOriginals(t *testing.T) {
	d, db := startInterop(t)
	d.waitingEverywhere(overPostgres(t, db, "jobs"))
	for name, w := range d.twins(db, "jobs") {
		for _, args := range originalCommands {
			t.Run(name+" "+strings.Join(args, " "), func(t *testing.T) {
				theirs, ours := w.both(t, args...)
				remark := ""
				if args[0] == "cancel" {
					remark = "dispatcherctl: no task matched\n"
				}
				if theirs.code != 0 || ours.code != 0 || ours.stderr != remark {
					t.Errorf("exit codes %d and %d, want 0 and 0\n%s\n%s", theirs.code, ours.code, theirs.stderr, ours.stderr)
				}
				if diff := cmp.Diff(lasting(theirs.stdout), lasting(ours.stdout)); diff != "" {
					t.Errorf("-original +ours:\n%s", diff)
				}
			})
		}
	}
}

// lasting leaves out what differs between two requests to one daemon: counts, times,
// and the stacks of what is going on.
func lasting(yaml string) string {
	var out strings.Builder
	hidden := -1
	for line := range strings.Lines(yaml) {
		indent := len(line) - len(strings.TrimLeft(line, " "))
		if hidden >= 0 && indent > hidden {
			continue // it belongs to the value
		}
		hidden = -1
		line = connection.ReplaceAllString(line, "$1*")
		if m := volatile.FindString(line); m != "" {
			hidden = indent
			line = m + " *\n"
		}
		out.WriteString(line)
	}
	return out.String()
}

var volatile = regexp.MustCompile(`^[ -]*(?:age|uptime_seconds|received_count|control_count|produced_count|success_count|` +
	`average_time_seconds|max_time_seconds|oldest_queued_seconds|previous_level|stack|messages_total|requests_total):`)

// connection is the name of what serves one connection to the socket.
var connection = regexp.MustCompile(`(socket_client_task_)\d+`)

func TestInteropCtlCancelsAsTheOriginals(t *testing.T) {
	d, db := startInterop(t)
	o := overPostgres(t, db, "jobs")
	accepted := 0
	for name, w := range d.twins(db, "jobs") {
		var printed []string
		for _, who := range []string{"theirs", "ours"} {
			uuid := strings.ReplaceAll(name, "_", "") + "-" + who
			o.run(t, `submit_task(tasks.echo, args=["a"], uuid=args[0], processor_options=[Delayer.Params(delay=600)])`, uuid)
			accepted++
			waitFor(t, "the task to be accepted", func() bool { return d.figure("tasks", "accepted") == accepted })
			a := answer{}
			if who == "theirs" {
				a = originalCtl(t, w.dir, append([]string{"cancel", "--uuid", uuid, "--log-level", "ERROR"}, w.theirs...)...)
			} else {
				a = runProgram(t, w.dir, "dispatcherctl", append([]string{"cancel", "--uuid", uuid}, w.ours...)...)
			}
			if line := d.ended(uuid); a.code != 0 || !strings.Contains(line, "outcome=cancelled") {
				t.Errorf("%s over %s: exit code %d, and the task ended so: %s", who, name, a.code, line)
			}
			printed = append(printed, regexp.MustCompile(`(uuid|time_pub): .*`).ReplaceAllString(a.stdout, "$1: *"))
		}
		if diff := cmp.Diff(printed[0], printed[1]); diff != "" {
			t.Errorf("over %s (-original +ours):\n%s", name, diff)
		}
	}
}

// A reply can hold whatever a task is called with: here, text of all kinds.
func TestInteropCtlPrintsTheBytesOfTheOriginals(t *testing.T) {
	dir, err := os.MkdirTemp("", "ctl-") // t.TempDir can be too long for the path of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	values, err := os.ReadFile("../cmd/dispatcherctl/testdata/pyyaml/values.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, reply := range map[string]string{
		"many values":    `{"values": ` + string(bytes.TrimSpace(values)) + `}`,
		"odd numbers":    `{"values": [NaN, -Infinity, 1E400, 0.1, 1e22, 5e-324, -0, 1234567890123456789012345678901234567890123], "node_id": "ü"}`,
		"an error":       `{"error": "No control method alive", "node_id": "n1"}`,
		"the same twice": `{"node_id": "first", "node_id": "second"}`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, "s")
			answering(t, path, reply)
			write(t, filepath.Join(dir, "fixed.yml"), "{version: 2, brokers: {socket: {socket_path: "+path+"}}}", 0o600)
			w := twins{t, dir, []string{"--config", "fixed.yml"}, []string{"--socket", path}}
			for _, expected := range []string{"1", "0", "-1"} {
				theirs, ours := w.both(t, "alive", "--expected-replies="+expected)
				if diff := cmp.Diff(theirs.stdout, ours.stdout); diff != "" || theirs.code != 0 || ours.code != 0 {
					t.Errorf("exit codes %d and %d; -original +ours:\n%s%s", theirs.code, ours.code, diff, ours.stderr)
				}
			}
		})
	}
}

// answering gives the same reply to every request on a socket.
func answering(t *testing.T, path, reply string) {
	t.Helper()
	server := control.NewServer(control.Config{Path: path}, func(ctx context.Context, _ []byte, _ string, _ control.Peer, send control.Reply) {
		_ = send(ctx, bytes.ReplaceAll([]byte(reply), []byte("\n"), nil)) // a client that has gone shows in the test
	}, slog.New(slog.DiscardHandler))
	if err := server.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Run(ctx) // it ends with ctx
	}()
	t.Cleanup(func() { cancel(); <-done })
}
