package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dispatcherd/tests/postgres"
)

// originalService is the configuration of a service of the original's own.
const originalService = `version: 2
service:
  pool_kwargs: {min_workers: 1, max_workers: 1}
  main_kwargs: {node_id: test}
brokers:
  pg_notify:
    config: {conninfo: %q}
    channels: [original]
    default_publish_channel: original
  socket: {socket_path: d.sock}
producers:
  ControlProducer: {}
`

// startOriginal runs the original's service until it answers, and returns the ways to it.
// It is stopped at the end of the test.
func startOriginal(t *testing.T, db *postgres.Database) []original {
	t.Helper()
	project, err := filepath.Abs("project")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "d-") // t.TempDir can be too long for the path of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	settings := filepath.Join(dir, "dispatcher.yml")
	if err := os.WriteFile(settings, fmt.Appendf(nil, originalService, db.ConnInfo()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(filepath.Dir(virtual(t)), "dispatcherd"), "--config", settings)
	log := newLogBuffer()
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = append(os.Environ(), "PYTHONPATH="+project, "PYTHONUNBUFFERED=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it can only have ended already
		kill := time.AfterFunc(bound, func() { _ = cmd.Process.Kill() })
		defer kill.Stop()
		_ = cmd.Wait() // how it ends is not what is tested
		log.close()
	})
	for _, line := range []string{"Set up pg_notify listening", "Set up socket server"} {
		if _, ok := log.wait(line, bound); !ok {
			t.Fatalf("the original's service has not logged %q:\n%s", line, log)
		}
	}
	socket := filepath.Join(dir, "d.sock")
	c := (&daemon{t: t, socket: socket}).connect()
	waitFor(t, "the worker of the original's service", func() bool {
		c.send(`{"control": "workers", "reply_to": "me"}`)
		return strings.Contains(c.reply(), `"status": "ready"`)
	})
	return []original{
		overPostgres(t, db, "original"),
		{t, "socket", map[string]any{"socket": map[string]any{"socket_path": socket}}},
	}
}
