package tests

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// bound runs a task that asks the service something, and returns the YAML that
// dispatcherctl has printed.
func (d *daemon) bound(command, data string) string {
	d.t.Helper()
	a := d.task("app.jobs.ask", "--arg", quoted(command), "--arg", data, "--uuid", "bound")
	if a.code != 0 {
		d.t.Errorf("the task that asks %s ended with %d\n%s%s", command, a.code, a.stdout, a.stderr)
	}
	return a.stdout
}

func TestBoundTaskGetsTheBareResult(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, withOriginal(t), "max_workers = 1"))
	before, _ := d.ask("main")["control_count"].(float64)
	for _, tt := range []struct {
		command, data string
		want          []string
	}{
		{"alive", "null", []string{"result: {}"}},
		{"running", `{"uuid": "bound"}`, []string{"worker-0:", "task: app.jobs.ask", "uuid: bound"}},
		{"running", "{}", []string{"worker-0:", "task: app.jobs.ask"}},
		{"running", `{"args": [NaN, -Infinity]}`, []string{"result: {}"}},
		{"nonsense", "null", []string{"error: No control method nonsense"}},
		{"__class__", "null", []string{"error: No control method __class__"}},
		{"running", "[1]", []string{"Failed to run control task: control_data must be an object"}},
		{"run", `{"timeout": "soon"}`, []string{"must be a number of seconds"}},
		{"set_log_level", `{"level": "loud"}`, []string{"error: Unknown log level 'loud'."}},
		{"run", `{"task": "app.tasks.nothing", "uuid": "from a task"}`, []string{"ack:", "uuid: from a task"}},
	} {
		got := d.bound(tt.command, tt.data)
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s %s gave the task\n%s, want %s in it", tt.command, tt.data, got, want)
			}
		}
		if strings.Contains(got, "node_id") {
			t.Errorf("%s %s gave the task a node_id:\n%s", tt.command, tt.data, got)
		}
	}
	d.ended(`"from a task"`)
	after, _ := d.ask("main")["control_count"].(float64)
	// Each task was submitted by a request and has made one; the second main counts, too.
	if after-before != 2*10+1 {
		t.Errorf("control_count has grown by %v, want %d", after-before, 2*10+1)
	}
}

func TestBoundTaskAsksAServiceWithoutABroker(t *testing.T) {
	t.Parallel()
	project, err := filepath.Abs("project")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "answer")
	start(t, fmt.Sprintf(`version = 2
node_id = "test"
[worker]
pythonpath = [%q]
[[on_start]]
task = "app.jobs.ask_into"
args = [%q, "running"]
`, project, path))
	var answer map[string]any
	decode(t, waitFile(t, path, 1)[0], &answer)
	wantKeys(t, answer, "worker-0") // the task itself
}
