package supervisor

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dispatcherd/cgroups"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// limit bounds everything that a test waits for.
const limit = 30 * time.Second

// childConfig is the variable that makes this test binary a supervisor: it
// reaps every child of its process, so it cannot share one with the tests.
const childConfig = "DISPATCHERD_TEST_SUPERVISOR"

// childPatience is how long that supervisor waits for its first daemon.
const childPatience = "DISPATCHERD_TEST_PATIENCE"

func TestMain(m *testing.M) {
	if text := os.Getenv(childConfig); text != "" {
		os.Exit(superviseAsChild(text))
	}
	goleak.VerifyTestMain(m)
}

// superviseAsChild serves the listener that is descriptor 3.
func superviseAsChild(text string) int {
	os.Unsetenv(childConfig)
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	var cfg Config
	err := json.Unmarshal([]byte(text), &cfg)
	var listener net.Listener
	if err == nil {
		file := os.NewFile(3, "listener")
		listener, err = net.FileListener(file)
		file.Close()
	}
	if err == nil {
		s := NewSupervisor(cfg, listener.(*net.UnixListener), log)
		if patience, err := time.ParseDuration(os.Getenv(childPatience)); err == nil {
			s.patience = patience
		}
		err = s.Run(context.Background())
	}
	if err == nil {
		// signal.Notify starts a goroutine that the runtime keeps.
		err = goleak.Find(goleak.IgnoreTopFunction("os/signal.signal_recv"), goleak.IgnoreTopFunction("os/signal.loop"))
	}
	if err != nil {
		log.Error("supervisor gave up", "err", err)
		return 1
	}
	return 0
}

// place is where supervisors of one test are started, one after the other.
type place struct {
	cfg    Config
	addr   *net.UnixAddr
	listen *os.File
	temp   string   // for temporary files of the supervisors
	env    []string // for the supervisors
	killed int      // how many of them were killed
}

var serial atomic.Int64

// noTree is a name that no tree can have: workers are held by process groups.
const noTree = "no/tree"

func newPlace(t testing.TB, cfg Config) *place {
	t.Helper()
	if cfg.Tree == "" {
		cfg.Tree = fmt.Sprintf("supervisor-test-%d-%d", os.Getpid(), serial.Add(1))
	}
	dir, err := os.MkdirTemp("", "sup") // t.TempDir's names are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &place{cfg: cfg, addr: &net.UnixAddr{Net: "unixpacket", Name: filepath.Join(dir, "s")}, temp: t.TempDir()}
	listener, err := net.ListenUnix("unixpacket", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	if p.listen, err = listener.File(); err != nil {
		t.Fatal(err)
	}
	listener.Close()
	t.Cleanup(func() { p.listen.Close() })
	return p
}

func (p *place) dial(context.Context) (*net.UnixConn, error) {
	return net.DialUnix("unixpacket", nil, p.addr)
}

// keeper is a supervisor process.
type keeper struct {
	cmd  *exec.Cmd
	log  *journal
	dead chan struct{}
}

func (p *place) start(t testing.TB) *keeper {
	t.Helper()
	text, err := json.Marshal(p.cfg)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childConfig+"="+string(text), "NOTIFY_SOCKET=/nowhere", "LISTEN_FDS=1", "SEEN_BY_TASKS=yes",
		"TMPDIR="+p.temp,
		"GORACE=atexit_sleep_ms=0") // otherwise a race-detecting process takes a second to exit
	cmd.Env = append(cmd.Env, p.env...)
	cmd.ExtraFiles = []*os.File{p.listen}
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &keeper{cmd: cmd, log: newJournal(), dead: make(chan struct{})}
	go func() {
		defer close(c.dead)
		c.log.read(stderr)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		// Twice: in haste, but so that its tree is removed.
		cmd.Process.Signal(unix.SIGTERM)
		cmd.Process.Signal(unix.SIGTERM)
		select {
		case <-c.dead:
		case <-time.After(limit):
			cmd.Process.Kill()
			<-c.dead
		}
		if t.Failed() {
			t.Logf("log of supervisor %d:\n%s", cmd.Process.Pid, c.log.text())
		}
	})
	return c
}

// ends waits for the supervisor to end by itself, in order.
func (c *keeper) ends(t testing.TB) {
	t.Helper()
	select {
	case <-c.dead:
	case <-time.After(limit):
		t.Fatal("the supervisor has not ended")
	}
	if !c.cmd.ProcessState.Success() {
		t.Errorf("the supervisor ended with %s", c.cmd.ProcessState)
	}
}

// journal collects the log of a supervisor.
type journal struct {
	mu      sync.Mutex
	lines   []string
	changed chan struct{} // closed and replaced at each line
}

func newJournal() *journal { return &journal{changed: make(chan struct{})} }

func (j *journal) read(r io.Reader) {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			j.mu.Lock()
			j.lines = append(j.lines, line)
			close(j.changed)
			j.changed = make(chan struct{})
			j.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

func (j *journal) text() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, "")
}

// find waits for the nth entry (from 1) that has each of the texts, and returns it.
func (j *journal) find(t testing.TB, nth int, texts ...string) map[string]any {
	t.Helper()
	timeout := time.After(limit)
	for {
		j.mu.Lock()
		line, changed := nthLine(j.lines, nth, texts), j.changed
		j.mu.Unlock()
		if line != "" {
			var entry map[string]any
			if err := json.Unmarshal([]byte(line), &entry); err != nil {
				t.Fatalf("log line %q: %v", line, err)
			}
			return entry
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("no %d. log entry with %q in:\n%s", nth, texts, j.text())
		}
	}
}

func nthLine(lines []string, nth int, texts []string) string {
	for _, line := range lines {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			if nth--; nth == 0 {
				return line
			}
		}
	}
	return ""
}

// team is a supervisor and a client that is connected to it.
type team struct {
	*place
	*keeper
	client *Client
	stop   func() // ends the client, as a daemon that goes away
}

func newTeam(t testing.TB, cfg Config, spec Spec) *team {
	t.Helper()
	p := newPlace(t, cfg)
	t.Cleanup(func() { p.assertClean(t) })
	tm := &team{place: p, keeper: p.start(t)}
	tm.client, tm.stop = p.connect(t, spec)
	return tm
}

// connect runs a client, and ends it with the test at the latest.
func (p *place) connect(t testing.TB, spec Spec) (*Client, func()) {
	t.Helper()
	client := NewClient(spec, "", p.dial, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- client.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run of the client: %v", err)
		}
	})
	t.Cleanup(stop)
	return client, stop
}

// finish ends daemon and supervisor in order. Tests that end them otherwise do not call it.
func (tm *team) finish(t testing.TB) {
	t.Helper()
	tm.stop()
	tm.cmd.Process.Signal(unix.SIGTERM)
	tm.ends(t)
}

// treeDir is where the tree of the place is, if it is there.
func (p *place) treeDir() string {
	for _, pattern := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
		if dir := filepath.Join(pattern, p.cfg.Tree); exists(dir) {
			return dir
		}
	}
	return ""
}

// assertClean checks that the tree is gone, and the files.
func (p *place) assertClean(t testing.TB) {
	t.Helper()
	if left, err := os.ReadDir(p.temp); err != nil || len(left) > p.killed {
		t.Errorf("temporary files were left behind: %v, %v", left, err)
	}
	if dir := p.treeDir(); dir != "" {
		t.Errorf("%s was left behind", dir)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// needCgroups skips the test where no tree can be made.
func (tm *team) needCgroups(t testing.TB) {
	t.Helper()
	if isolation := tm.info(t).Isolation; isolation != isolationCgroup {
		t.Skipf("no cgroup v2 tree can be written to here: workers are held by a %s", isolation)
	}
}

// info waits until the client is connected.
func (tm *team) info(t testing.TB) Info {
	t.Helper()
	tm.connected(t, tm.client)
	return tm.client.Info()
}

func (tm *team) connected(t testing.TB, c *Client) {
	t.Helper()
	c.mu.Lock()
	up := c.up
	c.mu.Unlock()
	select {
	case <-up:
	case <-time.After(limit):
		t.Fatalf("no connection: %+v", c.Info())
	}
}

// bounded is a context for one step of a test.
func bounded(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// exitOfWorker waits for a worker's end.
func exitOfWorker(t testing.TB, l *Launched) Exit {
	t.Helper()
	select {
	case exit := <-l.Exited:
		return exit
	case <-time.After(limit):
		t.Fatalf("worker %d has not ended", l.Worker)
		return Exit{}
	}
}

// awaitEnd waits for the end of a process that is not ours.
func awaitEnd(t testing.TB, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := cgroups.WaitPidfd(ctx, fd); err != nil {
		t.Fatalf("process %d has not ended: %v", pid, err)
	}
}

// alive says whether a process is there and no zombie.
func alive(pid int) bool {
	stat, err := readStat(pid)
	return err == nil && !stat.zombie()
}

func number(t testing.TB, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
