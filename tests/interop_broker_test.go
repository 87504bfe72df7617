package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dispatcherd/tests/postgres"
)

// Both read the same YAML, which lies where nobody names it.
func TestInteropCtlTakesTheBrokerOfTheOriginals(t *testing.T) {
	db := postgres.Shared(t).NewDatabase(t)
	near := start(t, config(t, "", "")) // over the socket it answers as test
	far := start(t, strings.Replace(config(t, "", "", listening(db, "jobs")), `node_id = "test"`, `node_id = "far"`, 1))
	far.waitLog(lineListening)
	socket := "  socket: {socket_path: " + near.socket + "}\n"
	notify := "  pg_notify: {config: {conninfo: " + db.ConnInfo() + "}, channels: [jobs], default_publish_channel: jobs}\n"
	for _, tt := range []struct{ name, yaml, want string }{
		{"the only one, the socket", socket, "test"},
		{"the only one, Postgres", notify, "far"},
		{"the only one, although another is named", notify + "publish: {default_broker: socket}\n", "far"},
		{"the default", socket + notify + "publish: {default_broker: pg_notify}\n", "far"},
		{"the one for control", socket + notify + "publish: {default_broker: pg_notify, default_control_broker: socket}\n", "test"},
		{"none of two", socket + notify, ""},
		{"one of Python", socket + notify + "  dispatcherd.testing.brokers.noop: {}\npublish: {default_control_broker: dispatcherd.testing.brokers.noop}\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "dispatcher.yml"), "version: 2\nbrokers:\n"+tt.yaml, 0o600)
			w := twins{t: t, dir: dir}
			theirs, ours := w.both(t, "alive")
			if tt.want == "" {
				wantFailure(t, theirs, ours, 1, `^dispatcherctl: \./dispatcher\.yml has .*--broker`)
				return
			}
			theirs.want(t, 0, "- node_id: "+tt.want+"\n\n", "")
			ours.want(t, 0, "- node_id: "+tt.want+"\n\n", "")
		})
	}
}

// A variable names the file, but an option counts more, unless it says what the
// original does by itself.
func TestInteropCtlTakesTheFileOfTheOriginals(t *testing.T) {
	db := postgres.Shared(t).NewDatabase(t)
	near := start(t, config(t, "", ""))
	far := start(t, strings.Replace(config(t, "", "", listening(db, "jobs")), `node_id = "test"`, `node_id = "far"`, 1))
	far.waitLog(lineListening)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "near.yml"), "version: 2\nbrokers:\n  socket: {socket_path: "+near.socket+"}\n", 0o600)
	write(t, filepath.Join(dir, "dispatcher.yml"), "version: 2\nbrokers:\n  socket: {socket_path: "+far.socket+"}\n", 0o600)
	original := filepath.Join(filepath.Dir(virtual(t)), "dispatcherctl")
	for _, tt := range []struct {
		name, variable string
		args           []string
		want           string
	}{
		{"nothing named", "", nil, "far"},
		{"the variable", "near.yml", nil, "test"},
		{"the option", "", []string{"--config", "near.yml"}, "test"},
		{"the option and the variable", "dispatcher.yml", []string{"--config", "near.yml"}, "test"},
		{"the variable and the usual name", "near.yml", []string{"--config", "dispatcher.yml"}, "test"},
	} {
		for _, program := range []string{original, filepath.Join(programs, "dispatcherctl")} {
			cmd := exec.CommandContext(t.Context(), program, append([]string{"alive", "--log-level", "ERROR"}, tt.args...)...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "DISPATCHERD_CONFIG_FILE="+tt.variable)
			if out, err := cmd.CombinedOutput(); err != nil || string(out) != "- node_id: "+tt.want+"\n\n" {
				t.Errorf("with %s, %s answered %q (%v), want %s", tt.name, program, out, err, tt.want)
			}
		}
	}
}

// A service of the original that its YAML names no channel for talks to itself.
func TestInteropCtlWithoutAChannelSaysSo(t *testing.T) {
	db := postgres.Shared(t).NewDatabase(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "dispatcher.yml"), "version: 2\nbrokers:\n  pg_notify: {config: {conninfo: "+db.ConnInfo()+"}, channels: [a, b]}\n", 0o600)
	w := twins{t: t, dir: dir}
	theirs, ours := w.both(t, "alive", "--expected-replies", "1")
	if theirs.code != 0 || !strings.Contains(theirs.stdout, "control: alive") {
		t.Errorf("the original answered %d, %q: it is told apart for talking to itself", theirs.code, theirs.stdout)
	}
	ours.want(t, 1, "", "dispatcherctl: no channel to publish on: name one, or set brokers.pg_notify.default_publish_channel\n")
}
