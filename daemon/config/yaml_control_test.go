package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOriginalNamesTheBrokerOfDispatcherctl(t *testing.T) {
	t.Parallel()
	const postgres = "  pg_notify: {config: {conninfo: host=/run/pg}}\n"
	const both = "version: 2\nbrokers:\n  socket: {socket_path: d.sock}\n" + postgres
	for _, tt := range []struct{ name, text, want string }{
		{"none", "version: 2\n", ""},
		{"one", "version: 2\nbrokers:\n" + postgres, "pg_notify"},
		{"one and another name", "version: 2\nbrokers:\n" + postgres + "publish: {default_broker: socket}\n", "pg_notify"},
		{"two", both, ""},
		{"two and the default", both + "publish: {default_broker: pg_notify}\n", "pg_notify"},
		{"two and one for control", both + "publish: {default_broker: pg_notify, default_control_broker: socket}\n", "socket"},
		{"one that only Python knows", both + "publish: {default_control_broker: app.brokers.mail}\n", "app.brokers.mail"},
	} {
		if got := fromYAML(t, tt.text).ControlBroker; got != tt.want {
			t.Errorf("with %s: ControlBroker is %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := fromYAML(t, "version: 2\nbrokers:\n"+postgres+"dispatcherd: {brokers: {socket: {path: d.sock}}}\n").ControlBroker; got != "pg_notify" {
		t.Errorf("with a socket of ours: ControlBroker is %q, want what the original takes", got)
	}
}

func TestConvertedFileSaysThatDispatcherctlTakesTheSocket(t *testing.T) {
	t.Parallel()
	for control, want := range map[string]bool{"pg_notify": true, "socket": false} {
		path := filepath.Join(t.TempDir(), "x.yml")
		text := "version: 2\nbrokers: {socket: {socket_path: d.sock}, pg_notify: {config: {dbname: app}}}\npublish: {default_control_broker: " + control + "}\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := Convert(path)
		if err != nil || strings.Contains(out, "dispatcherctl takes the socket") != want {
			t.Errorf("with %s for control: %v\n%s", control, err, out)
		}
	}
}
