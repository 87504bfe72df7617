package tests

import (
	"cmp"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// keeper is a supervisor that is a service of its own.
type keeper struct {
	*daemon
	*manager
	unit    *os.File            // its socket, which outlives it
	as      *syscall.Credential // nil for that of the tests
	program string              // "" for the one that they build
}

// ownSupervisor is the section that leads to a keeper.
const ownSupervisor = "[supervisor]\nsocket = \"supervisor.sock\""

// keep starts a supervisor for d, as systemd would.
func (d *daemon) keep(more ...string) *keeper {
	d.t.Helper()
	k := &keeper{unit: opened(d.t, "unixpacket", d.file("supervisor.sock"))}
	k.begin(d, more...)
	d.t.Cleanup(func() { k.stop() })
	return k
}

// begin starts its process, for the first time or again.
func (k *keeper) begin(d *daemon, more ...string) {
	args := []string{"supervisor", "--log-level", "debug", "--runtime-dir", d.file("runtime")}
	k.daemon = &daemon{
		t: d.t, dir: d.dir, program: cmp.Or(k.program, filepath.Join(programs, "dispatcherd")), attr: d.attr, log: newLogBuffer(),
		done: make(chan struct{}), args: append(args, more...),
	}
	k.attr.Credential = k.as
	m, notify := k.manage()
	k.manager = m
	k.run(append(k.pass([]string{"supervisor"}, k.unit), notify)...)
}

// kept starts a daemon and the supervisor that it finds at its socket.
func kept(t *testing.T, worker, pool string) (*daemon, *keeper) {
	t.Helper()
	d := prepare(t, config(t, worker, pool, ownSupervisor))
	k := d.keep()
	d.run()
	t.Cleanup(d.stop)
	d.waitLog("dispatcherd is running")
	d.waitLog("connected to the supervisor")
	return d, k
}

func TestSupervisorOfItsOwnSaysHowItIs(t *testing.T) {
	t.Parallel()
	d := prepare(t, config(t, "", "min_workers = 2\nmax_workers = 2", ownSupervisor))
	k := d.keep()
	wantWords(t, k.manager.wait("READY=1"), "READY=1", "STATUS=0 workers; no daemon")
	d.run()
	d.waitLog("dispatcherd is running")
	d.waitIdle(2)
	// Nothing is delegated to it here, and it says so once a daemon wants workers.
	k.manager.waitStatus("2 workers; daemon: process " + strconv.Itoa(d.pid()) + "; no control groups")
	d.stop()
	k.manager.waitStatus("0 workers; no daemon; no control groups")
	d.leftNothingBut(t, k)
	k.stop()
	k.manager.wait("STOPPING=1")
}

// leftNothingBut looks for processes of the daemon beside its keeper's.
func (d *daemon) leftNothingBut(t *testing.T, k *keeper) {
	t.Helper()
	allowed := map[int]bool{k.pid(): true}
	for _, p := range children(k.pid()) { // the fork server stays for the next daemon
		allowed[p.pid] = true
	}
	for _, pid := range processesIn(d.dir) {
		if !allowed[pid] {
			t.Errorf("process %d is left behind", pid)
		}
	}
	if _, err := os.Stat(d.file("supervisor.sock")); err != nil {
		t.Errorf("the supervisor's socket, which is somebody else's, is gone: %v", err)
	}
}

func TestDaemonWaitsForItsSupervisorAndSaysSo(t *testing.T) {
	t.Parallel()
	d := prepare(t, config(t, "", "", ownSupervisor))
	m, notify := d.manage()
	d.run(notify)
	t.Cleanup(d.stop)
	d.waitLog("no connection to the supervisor")
	m.wait("no supervisor")
	c := d.background("run", "app.tasks.add", "--arg", "1", "--arg", "2", "--wait", "--output", "yaml")
	d.keep()
	c.wantEnd(0, "result: 3")
}

func TestSupervisorThatIsKilledTakesItsTasksAlongAndTheNextOneServes(t *testing.T) {
	t.Parallel()
	d, k := kept(t, "", "max_workers = 2")
	h := d.hold("task")
	worker := d.busyWorker()
	kill(t, "the supervisor", k.pid())
	h.wantEnd(1, "outcome: lost", "the supervisor ended")
	k.begin(d)
	d.wantWork()
	waitGone(t, "the worker", worker)
	if n := d.figure("supervisor", "restarts"); n != 1 {
		t.Errorf("%d restarts of the supervisor are counted, want 1", n)
	}
}

func TestSupervisorThatIsToldToStopDrainsWithVerdicts(t *testing.T) {
	t.Parallel()
	d, k := kept(t, "", "max_workers = 1\nshutdown_grace = \"10m\"")
	h := d.hold("task")
	send(t, "the supervisor", k.pid(), syscall.SIGTERM)
	k.manager.wait("STOPPING=1")
	k.manager.wait("EXTEND_TIMEOUT_USEC=30000000")
	k.manager.wait("STATUS=stopping: 1 worker")
	h.letGo()
	h.wantEnd(0, "outcome: succeeded")
	if code := k.daemon.wait(); code != 0 {
		t.Errorf("the supervisor ended with code %d, want 0", code)
	}
	k.begin(d)
	d.wantWork()
}

func TestOnlyTheDaemonsUserMayConnect(t *testing.T) {
	t.Parallel()
	d := prepare(t, config(t, "", "", ownSupervisor))
	k := d.keep("--daemon-user", "nobody")
	d.run()
	t.Cleanup(d.stop)
	line := k.waitLog("connection refused")
	if !strings.Contains(line, "only user 65534") {
		t.Errorf("the refusal does not name the user: %s", line)
	}
	d.waitLog("the supervisor has refused")
}

func TestUserThatIsNotThereIsAMistakeOnTheCommandLine(t *testing.T) {
	t.Parallel()
	dispatcherd(t, t.TempDir(), nil, "supervisor", "--daemon-user", "no-such-user").want(t, 2, "",
		`dispatcherd: --daemon-user must be a user of this host or a number, got "no-such-user"; see dispatcherd --help`+"\n")
	dispatcherd(t, t.TempDir(), nil, "supervisor", "--install").want(t, 2, "", "dispatcherd: --install needs --runtime-dir; see dispatcherd --help\n")
}

func TestRuntimeIsInstalledWhereTasksCannotWrite(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can be two users")
	}
	d := prepare(t, config(t, "", "", ownSupervisor))
	a := dispatcherd(t, d.dir, nil, "supervisor", "--install", "--runtime-dir", d.file("runtime"))
	path := strings.TrimSpace(a.stdout)
	if a.code != 0 || filepath.Dir(path) != d.file("runtime") {
		t.Fatalf("--install ended with %d and said %q, %q", a.code, a.stdout, a.stderr)
	}
	// The tasks' user gets at the rest: where the tests are checked out may be closed to it.
	copyFile(t, filepath.Join(programs, "dispatcherd"), d.file("dispatcherd"))
	if err := os.CopyFS(d.file("project"), os.DirFS("project")); err != nil {
		t.Fatal(err)
	}
	settings := strings.Replace(config(t, "", "", ownSupervisor), quoted(absolute(t, "project")), quoted(d.file("project")), 1)
	write(t, d.file("dispatcherd.toml"), settings, 0o600)
	for _, dir := range []string{d.dir, d.file("tmp")} {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	find := exec.Command("find", d.file("runtime"), "!", "-user", "root", "-o", "-perm", "/022", "-o", "!", "-perm", "-004")
	if out, err := find.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("files that others may write, or not read: %s, %v", out, err)
	}
	unit := opened(t, "unixpacket", d.file("supervisor.sock"))
	k := &keeper{unit: unit, as: &syscall.Credential{Uid: nobody, Gid: nobody}, program: d.file("dispatcherd")}
	k.begin(d, "--daemon-user", "root")
	t.Cleanup(func() { k.stop() })
	d.run()
	t.Cleanup(d.stop)
	d.waitLog("dispatcherd is running")
	d.wantWork()
	if k.log.count("tasks can change") > 0 {
		t.Errorf("the supervisor says that tasks can change their runtime:\n%s", k.log)
	}
	worker := d.waitIdle(1)[0]
	status, err := os.ReadFile("/proc/" + strconv.Itoa(worker) + "/status")
	if err != nil || !strings.Contains(string(status), "Uid:\t65534") {
		t.Errorf("the worker is not the tasks' user's: %s, %v", status, err)
	}
}

func TestSecondDaemonOnASupervisorEndsAndHarmsNothing(t *testing.T) {
	t.Parallel()
	first, k := kept(t, "", "max_workers = 2")
	h := first.hold("task")
	second := prepare(t, strings.Replace(config(t, "", "", ownSupervisor), "supervisor.sock", first.file("supervisor.sock"), 1))
	m, notify := second.manage()
	second.run(notify)
	if code := second.wait(); code != 69 {
		t.Errorf("the second ended with code %d, want 69; the log:\n%s", code, second.log)
	}
	const want = "another instance uses the supervisor at "
	m.wait("STATUS=supervisor: " + want)
	if n := second.log.count("dispatcherd: supervisor: " + want); n != 1 {
		t.Errorf("that is said %d times at the end:\n%s", n, second.log)
	}
	k.waitLog("connection refused")
	h.letGo()
	h.wantEnd(0, "outcome: succeeded")
	first.wantWork()
	second.leftNothing()
}

func TestRuntimeThatTasksCouldChangeIsNamed(t *testing.T) {
	t.Parallel()
	d := prepare(t, config(t, "", "", ownSupervisor))
	k := d.keep("--daemon-user", "65534") // another user than the tasks'
	k.waitLog("tasks can change the Python files that run them")
	k.manager.wait("READY=1")
}

func TestStrangerOnTheSupervisorsSocketHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	d := prepare(t, config(t, "", "", ownSupervisor))
	d.keep()
	for range 20 { // they say nothing
		c, err := net.Dial("unixpacket", d.file("supervisor.sock"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	d.run()
	t.Cleanup(d.stop)
	d.waitLog("dispatcherd is running")
	d.wantWork()
}
