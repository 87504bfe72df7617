package tests

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"dispatcherd/tests/postgres"
)

func TestReadyIsSaidOnceTheWorkersAreReady(t *testing.T) {
	t.Parallel()
	d, m := managed(t, config(t, "", "min_workers = 2\nmax_workers = 4"))
	wantWords(t, m.wait("READY=1"), "READY=1", "STATUS=2 workers, 0 running, 0 queued")
	if n := d.figure("pool", "ready"); n != 2 {
		t.Errorf("READY with %d workers ready, want 2", n)
	}
	h := d.hold("task")
	m.waitStatus("2 workers, 1 running, 0 queued")
	h.letGo()
	h.wantEnd(0, "outcome: succeeded")
	m.waitStatus("2 workers, 0 running, 0 queued")
	if n := m.heard.count("READY=1"); n != 1 {
		t.Errorf("READY was said %d times", n)
	}
}

func TestReadyMayMeanTheSocketAlone(t *testing.T) {
	t.Parallel()
	d, m := managed(t, config(t, `env = { APP_SLOW_IMPORT = "600" }`, "", "[service]\nready = \"socket\""))
	m.wait("READY=1")
	if n := d.figure("pool", "ready"); n != 0 {
		t.Errorf("%d workers are ready", n)
	}
}

func TestSlowWorkersAskForTimeBeforeReady(t *testing.T) {
	t.Parallel()
	_, m := managed(t, config(t, `env = { APP_SLOW_IMPORT = "600" }`, "min_workers = 1"))
	m.wait("EXTEND_TIMEOUT_USEC=30000000")
	m.waitStatus("starting: 1 worker, 0 running, 0 queued")
	if m.heard.count("READY=1") > 0 {
		t.Error("READY was said without a worker")
	}
}

func TestStatusNamesWorkersThatCannotBeStarted(t *testing.T) {
	t.Parallel()
	_, m := managed(t, config(t, "python = \"/nonexistent/python\"", "min_workers = 1"))
	line := m.wait("READY=1") // after 10 s: the daemon takes what comes
	if !strings.Contains(line, "/nonexistent/python") {
		t.Errorf("the status does not say why there is no worker: %s", line)
	}
}

func TestStatusFollowsPostgres(t *testing.T) {
	t.Parallel()
	c := postgres.Start(t)
	d, m := managed(t, config(t, "", "min_workers = 1", listening(&c.Database, "jobs")))
	wantWords(t, m.wait("READY=1"), "READY=1", "STATUS=1 worker, 0 running, 0 queued; postgres: connected")
	c.Stop(t)
	m.waitStatus("1 worker, 0 running, 0 queued; postgres: away")
	h := d.hold("task")
	m.waitStatus("1 worker, 1 running, 0 queued; postgres: away")
	c.Start(t)
	m.waitStatus("1 worker, 1 running, 0 queued; postgres: connected")
	h.letGo()
	h.wantEnd(0, "outcome: succeeded")
}

func TestStatusSaysThatAReloadHasFailedUntilOneIsWell(t *testing.T) {
	t.Parallel()
	toml := config(t, "", "min_workers = 1")
	d, m := managed(t, toml)
	m.wait("READY=1")
	d.rewrite(strings.Replace(toml, "min_workers", "min_worker", 1))
	d.reload()
	m.wait("STATUS=1 worker, 0 running, 0 queued; not reloaded: dispatcherd.toml:10: pool.min_worker: unknown key")
	d.rewrite(toml)
	d.wantReload(`"changed": []`)
	m.waitStatus("1 worker, 0 running, 0 queued")
}

func TestPostgresThatIsAwayHoldsReadyUpForTenSecondsAtMost(t *testing.T) {
	t.Parallel()
	nowhere := "[brokers.pg_notify]\nconninfo = \"host=127.0.0.1 port=1 dbname=x\"\nchannels = [\"x\"]"
	_, m := managed(t, config(t, "", "min_workers = 1", nowhere))
	m.wait("STATUS=starting: 1 worker, 0 running, 0 queued; postgres: away")
	wantWords(t, m.wait("READY=1"), "READY=1", "STATUS=1 worker, 0 running, 0 queued; postgres: away")
}

func TestStopIsToldFirstAndAsksForTimeWhileTasksRun(t *testing.T) {
	t.Parallel()
	d, m := managed(t, config(t, "", "shutdown_grace = \"10m\""))
	m.wait("READY=1")
	h := d.hold("task")
	m.waitStatus("1 worker, 1 running, 0 queued")
	d.tell(syscall.SIGTERM)
	wantWords(t, m.wait("STOPPING=1"), "STOPPING=1", "STATUS=stopping")
	m.wait("EXTEND_TIMEOUT_USEC=30000000")
	m.wait("STATUS=stopping: 1 worker, 1 running, 0 queued")
	h.letGo()
	h.wantEnd(0, "outcome: succeeded")
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestFailedStartSaysWhyAndExitsWithACodeOfItsKind(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		toml    func(t *testing.T, dir string) string
		code    int
		said    string
		another string // word of the message
	}{
		"configuration": {func(t *testing.T, _ string) string {
			return config(t, "", "min_worker = 2")
		}, 78, "dispatcherd.toml:10: pool.min_worker: unknown key; did you mean pool.min_workers?", ""},
		"several mistakes": {func(t *testing.T, _ string) string {
			return config(t, "", "min_worker = 2\nmax_worker = 2")
		}, 78, "did you mean pool.min_workers? (and 1 more)", ""},
		"conninfo": {func(t *testing.T, _ string) string {
			return config(t, "", "", "[brokers.pg_notify]\nconninfo = \"host\"\nchannels = [\"x\"]")
		}, 78, "brokers.pg_notify.conninfo", ""},
		"socket that is taken": {func(t *testing.T, dir string) string {
			opened(t, "unix", filepath.Join(dir, "d.sock"))
			return config(t, "", "")
		}, 69, "another instance is listening on d.sock", ""},
		"address that is taken": {func(t *testing.T, _ string) string {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			return config(t, "", "", fmt.Sprintf("[metrics]\nlisten = %q", l.Addr()))
		}, 69, "address already in use", fmt.Sprintf("ERRNO=%d", int(syscall.EADDRINUSE))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := prepare(t, "")
			write(t, d.file("dispatcherd.toml"), tt.toml(t, d.dir), 0o600)
			m, env := d.manage()
			d.run(env)
			if code := d.wait(); code != tt.code {
				t.Errorf("exit code %d, want %d; the log:\n%s", code, tt.code, d.log)
			}
			line := m.wait("STATUS=")
			if !strings.Contains(line, tt.said) || !strings.Contains(line, tt.another) || m.heard.count("READY") > 0 {
				t.Errorf("the service manager was told\n%s\nwant %q and %q", m.heard, tt.said, tt.another)
			}
		})
	}
}

func TestNotifySocketThatIsGoneIsOneLineAndHarmsNothing(t *testing.T) {
	t.Parallel()
	d := prepare(t, config(t, "", ""))
	d.run("NOTIFY_SOCKET=" + d.file("gone"))
	t.Cleanup(func() { d.stop(); d.leftNothing() })
	d.waitLog("cannot be told how the service is")
	d.wantWork()
	d.stop()
	if n := d.log.count("cannot be told how the service is"); n != 1 {
		t.Errorf("it was said %d times:\n%s", n, d.log)
	}
}

func TestWorkersCannotSpeakForTheService(t *testing.T) {
	t.Parallel()
	d, m := managed(t, config(t, "", ""))
	m.wait("READY=1")
	for _, pid := range []int{d.supervisor(), d.forkServer(), d.workerPIDs()[0]} {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil || len(env) == 0 || strings.Contains(string(env), "NOTIFY_SOCKET") {
			t.Errorf("process %d has NOTIFY_SOCKET, or its environment cannot be read: %v", pid, err)
		}
	}
}
