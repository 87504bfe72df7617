package tests

import (
	"os"
	"strings"
	"testing"
)

// attempt is a task name under some policy; refused is a part of the error, ""
// when it runs.
type attempt struct{ name, task, refused string }

const lambda = "lambda: 6 * 7"

func TestPoliciesRefuseWithOneClearError(t *testing.T) {
	t.Parallel()
	for _, policy := range []struct {
		name, worker string
		attempts     []attempt
	}{
		{"registered", ``, []attempt{
			{"a marked function", "app.tasks.nothing", ""},
			{"a class with run", "app.tasks.Greeter", ""},
			{"a function that is not marked", "app.tasks.unmarked", `app.tasks.unmarked is not a registered task (worker.tasks = \"registered\")`},
			{"a function of the standard library", "os.getcwd", `os.getcwd is not a registered task`},
			{"lambda text", lambda, `is lambda text (worker.tasks = \"registered\")`},
			{"no name", "nothing", "nothing is not the dotted name of a task"},
		}},
		{"importable", `tasks = "importable"` + "\n" + `tasks_allow = ["app.tasks.*", "lambda*"]`, []attempt{
			{"a marked function", "app.tasks.nothing", ""},
			{"a function that is not marked", "app.tasks.unmarked", ""},
			{"a function of the standard library", "os.getcwd", "os.getcwd matches no pattern of worker.tasks_allow"},
			{"another module", "app.bad.recurse", "app.bad.recurse matches no pattern of worker.tasks_allow"},
			{"lambda text", lambda, `is lambda text (worker.tasks = \"importable\")`},
		}},
		{"any", `tasks = "any"`, []attempt{
			{"a function of the standard library", "os.getcwd", ""},
			{"lambda text", lambda, ""},
			{"a name that is not there", "os.nonsense", "os.nonsense"},
		}},
		{"any, allowed", `tasks = "any"` + "\n" + `tasks_allow = ["app.*"]`, []attempt{
			{"a function that is allowed", "app.tasks.unmarked", ""},
			{"lambda text", lambda, "lambda: 6 * 7 matches no pattern of worker.tasks_allow"},
		}},
		{"registered, allowed", `tasks_allow = ["app.tasks.n*"]`, []attempt{
			{"a marked function that is allowed", "app.tasks.nothing", ""},
			{"one that is not allowed", "app.tasks.whoami", "app.tasks.whoami matches no pattern of worker.tasks_allow"},
		}},
	} {
		t.Run(policy.name, func(t *testing.T) {
			t.Parallel()
			d := start(t, config(t, policy.worker, "max_workers = 1"))
			for _, tt := range policy.attempts {
				a := d.task(tt.task)
				if tt.refused == "" {
					if strings.Contains(a.stdout, "TaskRefused") || strings.Contains(a.stdout, "not import") {
						t.Errorf("%s was refused:\n%s%s", tt.name, a.stdout, a.stderr)
					}
					continue
				}
				unescaped := strings.ReplaceAll(tt.refused, `\"`, `"`)
				told := strings.Join(strings.Fields(a.stdout), " ") // long text is folded
				if a.code != 1 || !strings.Contains(told, "outcome: failed") || !strings.Contains(told, unescaped) {
					t.Errorf("%s ended with exit code %d and\n%s%swant %q", tt.name, a.code, a.stdout, a.stderr, unescaped)
				}
				d.waitLog(tt.refused)
			}
			if n := d.log.count("Traceback"); n > 0 && policy.name != "any" {
				t.Errorf("a refusal has a traceback:\n%s", d.log)
			}
		})
	}
}

func TestModuleOfATaskThatIsNotAllowedIsNotImported(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	marker := dir + "/imported"
	if err := os.WriteFile(dir+"/outside.py", []byte("open("+quoted(marker)+", 'w').close()\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := start(t, config(t, `tasks_allow = ["app.*"]`+"\nenv = { PYTHONPATH = "+quoted(dir)+" }", "max_workers = 1"))
	d.wantOutcome(t, "failed", "outside.task matches no pattern", "outside.task")
	if _, err := os.Stat(marker); err == nil {
		t.Error("the module was imported")
	}
	open := start(t, config(t, "env = { PYTHONPATH = "+quoted(dir)+" }", "max_workers = 1"))
	open.wantOutcome(t, "failed", "outside.task", "outside.task")
	if _, err := os.Stat(marker); err != nil {
		t.Errorf("a module that may be imported was not, the marker proves nothing: %v", err)
	}
}
