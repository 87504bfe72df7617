package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// library is what the tasks of a project import as dispatcherd.
type library struct {
	name   string
	worker string // keys of [worker]
	path   string // a part of where it lies
}

// libraries are the original, from the virtual environment, and ours, with an
// interpreter that has no other.
func libraries(t *testing.T) []library {
	t.Helper()
	return []library{
		{"the original", withOriginal(t), filepath.Dir(filepath.Dir(virtual(t))) + "/lib"},
		{"ours", `python = "python3"`, "/python-"},
	}
}

// eachLibrary runs a test with a daemon whose tasks use the original, and with
// one whose tasks use ours. The publisher is the original both times.
func eachLibrary(t *testing.T, worker, pool string, test func(t *testing.T, d *daemon, o original)) {
	t.Helper()
	for _, lib := range libraries(t) {
		t.Run(lib.name, func(t *testing.T) {
			t.Parallel()
			d, db := startListening(t, lib.worker+"\n"+worker, pool, "jobs")
			if a := d.task("app.jobs.library"); !strings.Contains(a.stdout, lib.path) {
				t.Fatalf("tasks do not import %s, which is in %s:\n%s%s", lib.name, lib.path, a.stdout, a.stderr)
			}
			test(t, d, overPostgres(t, db, "jobs"))
		})
	}
}

func TestInteropTasksFindTheLibraryTheyImport(t *testing.T) {
	t.Parallel()
	eachLibrary(t, "", "", func(t *testing.T, d *daemon, o original) {
		for i, p := range publications[:5] {
			path := d.file(fmt.Sprint(i))
			o.run(t, fmt.Sprintf("path = %q\n%s", path, p.code))
			if lines := waitFile(t, path, 1); !slices.Equal(lines, []string{p.want}) {
				t.Errorf("%s: the task wrote %q, want %q", p.name, lines, p.want)
			}
		}
	})
}

func TestInteropTaskThatIsNotRegisteredIsRefused(t *testing.T) {
	t.Parallel()
	eachLibrary(t, "", "", func(t *testing.T, d *daemon, o original) {
		o.run(t, `
submit_task(tasks.note, args=[args[0], "ran"], uuid="unmarked")
publisher.publish_message(message=json.dumps({"task": "lambda: open('" + args[0] + "', 'w')", "uuid": "lambda"}))
`, d.file("never"))
		for _, uuid := range []string{"unmarked", "lambda"} {
			if line := d.ended(uuid); !strings.Contains(line, "outcome=failed") || !strings.Contains(line, "registered") {
				t.Errorf("the task ended so: %s", line)
			}
		}
		if _, err := os.Stat(d.file("never")); err == nil {
			t.Error("a task that is not registered ran")
		}
	})
}

func TestInteropBoundTaskAsksTheDaemon(t *testing.T) {
	t.Parallel()
	eachLibrary(t, "", "max_workers = 2", func(t *testing.T, d *daemon, o original) {
		path := d.file("by-run")
		for _, tt := range []struct {
			args []string
			want string
		}{
			{[]string{`"alive"`}, `{}`},
			{[]string{`"nonsense"`}, `{"error": "No control method nonsense"}`},
			{[]string{`"run"`, `{"task": "app.tasks.mark", "args": [` + quoted(path) + `]}`},
				`{"ack": {"task": "app.tasks.mark", "args": [` + quoted(path) + `]}}`},
			{[]string{`"cancel"`, `{"uuid": "nobody"}`}, `{}`},
		} {
			args := []string{"app.jobs.ask", "--output", "json"}
			for _, a := range tt.args {
				args = append(args, "--arg", a)
			}
			a := d.task(args[0], args[1:]...)
			_, text, _ := strings.Cut(a.stdout, "\n") // the uuid is in the first line
			var end struct{ Result any }
			var want any
			if err := json.Unmarshal([]byte(text), &end); err != nil {
				t.Fatalf("%v\n%s%s", err, a.stdout, a.stderr)
			}
			if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, end.Result); diff != "" {
				t.Errorf("binder.control(%s) (-want +got):\n%s", strings.Join(tt.args, ", "), diff)
			}
		}
		waitFile(t, path, 1)
		// It sees itself, and no node_id.
		a := d.task("app.jobs.ask", "--arg", `"running"`, "--uuid", "itself", "--output", "yaml")
		if strings.Contains(a.stdout, "node_id") || !strings.Contains(a.stdout, "task: app.jobs.ask") {
			t.Errorf("running from inside the task:\n%s%s", a.stdout, a.stderr)
		}
	})
}

func TestInteropDispatcherCancelCanBeCaughtToCleanUp(t *testing.T) {
	t.Parallel()
	eachLibrary(t, "", "", func(t *testing.T, d *daemon, o original) {
		for _, tt := range []struct{ uuid, outcome string }{{"cancel", "outcome=cancelled"}, {"timeout", `outcome=timed_out`}} {
			path := d.file(tt.uuid)
			o.run(t, `submit_task(jobs.careful, args=[args[0]], uuid=args[1], timeout=0.3 if args[1] == "timeout" else None)`, path, tt.uuid)
			waitFile(t, path, 1)
			if tt.uuid == "cancel" {
				o.control(t, "cancel", map[string]any{"task": "app.jobs.careful", "args": []any{path}})
			}
			if line := d.ended(tt.uuid); !strings.Contains(line, tt.outcome) {
				t.Errorf("after a %s the task ended so: %s", tt.uuid, line)
			}
			if lines, want := waitFile(t, path, 1), []string{"began", "cleaned up"}; !slices.Equal(lines, want) {
				t.Errorf("after a %s the task had written %q, want %q", tt.uuid, lines, want)
			}
		}
	})
}

func TestInteropDispatcherExitEndsTheWorkerWithAResult(t *testing.T) {
	t.Parallel()
	eachLibrary(t, "", "max_workers = 1", func(t *testing.T, d *daemon, _ original) {
		before := d.workerPIDs()
		a := d.task("app.jobs.last")
		if len(before) != 1 || !strings.Contains(a.stdout, "outcome: succeeded") || !strings.Contains(a.stdout, fmt.Sprintf("result: %d leaves", before[0])) {
			t.Errorf("with worker %v, DispatcherExit ended the task so:\n%s%s", before, a.stdout, a.stderr)
		}
		waitGone(t, "the worker", before[0])
		if a := d.task("app.tasks.add", "--arg", "1", "--arg", "2"); !strings.Contains(a.stdout, "result: 3") {
			t.Errorf("the task after it ended so:\n%s%s", a.stdout, a.stderr)
		}
		if after := d.workerPIDs(); slices.Equal(before, after) {
			t.Errorf("worker %v is still the one", before)
		}
	})
}

func TestInteropWorkerClassOfTheProjectGetsItsHooksCalled(t *testing.T) {
	t.Parallel()
	hooks := filepath.Join(t.TempDir(), "hooks-")
	for _, lib := range libraries(t) {
		t.Run(lib.name, func(t *testing.T) {
			t.Parallel()
			path := hooks + strings.Fields(lib.name)[0]
			d, db := startListening(t, lib.worker+fmt.Sprintf("\nclass = \"app.worker.Worker\"\nenv = { APP_HOOKS = %q }", path), "max_workers = 1", "jobs")
			overPostgres(t, db, "jobs").run(t, `tasks.nothing.apply_async(uuid="u-1")`)
			d.ended("u-1")
			d.stop()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if want := "on_start\npre_task u-1\npost_task\non_shutdown\n"; string(text) != want {
				t.Errorf("hooks: %q, want %q", text, want)
			}
		})
	}
}

func TestInteropOriginalsOwnWorkerClassServes(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t)+"\nclass = \"dispatcherd.worker.task.TaskWorker\"", "", "jobs")
	path := d.file("named")
	overPostgres(t, db, "jobs").run(t, `
jobs.named.apply_async(args=args, uuid="u-1")
tasks.fail.apply_async(args=["boom"], uuid="u-2")
tasks.nap.apply_async(args=[600], timeout=0.1, uuid="u-3")
`, path)
	if lines := waitFile(t, path, 1); !slices.Equal(lines, []string{"u-1"}) {
		t.Errorf("a bound task wrote %q, want its uuid", lines)
	}
	for uuid, want := range map[string]string{"u-1": "outcome=succeeded", "u-2": "ValueError: boom", "u-3": `outcome=timed_out`} {
		if line := d.ended(uuid); !strings.Contains(line, want) {
			t.Errorf("want %s: %s", want, line)
		}
	}
}
