package postgres

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// holdVariable makes the test binary start a cluster, say where it is, and stay.
const holdVariable = "DISPATCHERD_TEST_HOLD_CLUSTER"

func TestMain(m *testing.M) {
	if how := os.Getenv(holdVariable); how != "" {
		hold(how)
	}
	code := m.Run()
	if err := CloseShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// hold starts a cluster, prints its directory and the ids of postgres and of its guard, and then panics or
// waits to be killed.
func hold(how string) {
	c, err := Open(Options{})
	if err != nil {
		panic(err)
	}
	pid, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		panic(err)
	}
	first, _, _ := strings.Cut(string(pid), "\n")
	if how == "stopped" {
		if err := c.server.stop(); err != nil {
			panic(err)
		}
	}
	fmt.Println(c.dir, first, c.server.guard.Process.Pid)
	if how == "panic" {
		panic("as a test might")
	}
	select {}
}

func TestSharedClusterHasAFreshDatabaseForEachTest(t *testing.T) {
	t.Parallel()
	one, two := Shared(t).NewDatabase(t), Shared(t).NewDatabase(t)
	one.Exec(t, "CREATE TABLE notes (text text); INSERT INTO notes VALUES ('ü|🐘')")
	if got := one.Exec(t, "SELECT text, 1 FROM notes"); got != "ü|🐘|1" {
		t.Errorf("Exec = %q, want %q", got, "ü|🐘|1")
	}
	if got := two.Exec(t, "SELECT count(*) FROM pg_tables WHERE tablename = 'notes'"); got != "0" {
		t.Errorf("the second database has %s tables of the first", got)
	}
	if _, err := one.psql("SELECT broken"); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("psql on bad SQL = %v, want the server's words", err)
	}
}

func TestTCPAsksForThePassword(t *testing.T) {
	t.Parallel()
	c := Shared(t)
	for _, tt := range []struct {
		conninfo string
		want     bool
	}{{c.TCPConnInfo(), true}, {strings.Replace(c.TCPConnInfo(), c.password, "wrong", 1), false}} {
		output, err := exec.Command(filepath.Join(c.bin, "psql"), "-X", "-w", "-d", tt.conninfo, "-c", "SELECT 1").CombinedOutput()
		if (err == nil) != tt.want {
			t.Errorf("connection with %q = %v, want success %v: %s", tt.conninfo, err, tt.want, output)
		}
	}
}

func TestRestartKeepsDataAndPlace(t *testing.T) {
	t.Parallel()
	c := Start(t)
	before := c.ConnInfo()
	c.Exec(t, "CREATE TABLE notes ()")
	c.Stop(t)
	if conn, err := net.Dial("unix", c.Socket()); err == nil {
		conn.Close()
		t.Error("a stopped server takes connections")
	}
	c.Start(t)
	if got := c.Exec(t, "SELECT count(*) FROM pg_tables WHERE tablename = 'notes'"); got != "1" || c.ConnInfo() != before {
		t.Errorf("after the restart: %s tables at %s, want 1 at %s", got, c.ConnInfo(), before)
	}
	c.Restart(t)
	c.Exec(t, "DROP TABLE notes")
}

func TestTerminateEndsTheBackendsOfOneApplication(t *testing.T) {
	t.Parallel()
	d := Shared(t).NewDatabase(t)
	if n := d.Terminate(t, "it's nobody"); n != 0 {
		t.Errorf("%d backends of nobody ended", n)
	}
	cmd := exec.Command(filepath.Join(d.cluster.bin, "psql"), "-X", "-A", "-t")
	cmd.Env = environment(append(d.Env(), "PGAPPNAME=it's me")...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(in, "SELECT 'connected';")
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "connected\n" {
		t.Fatalf("psql said %q, %v", line, err)
	}
	if n := d.Terminate(t, "it's me"); n != 1 {
		t.Errorf("%d backends ended, want 1", n)
	}
	fmt.Fprintln(in, "SELECT 1;")
	in.Close()
	if err := cmd.Wait(); err == nil {
		t.Error("psql went on after its backend was ended")
	}
}

func TestNothingIsLeftWhenTheProcessDies(t *testing.T) {
	t.Parallel()
	if _, err := findBinaries(); err != nil {
		absent(t, err)
	}
	for _, how := range []string{"panic", "killed", "stopped"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), holdVariable+"="+how)
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var dir string
			var server, guard int
			_, err = fmt.Fscan(stdout, &dir, &server, &guard)
			if err != nil {
				t.Fatalf("the child did not say where its cluster is: %v", err)
			}
			processes := map[string]int{"the guard": watch(guard)}
			if how != "stopped" {
				processes["postgres"] = watch(server)
			}
			if how != "panic" {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			if err := cmd.Wait(); err == nil {
				t.Error("the child ended well, want it killed")
			}
			for name, fd := range processes {
				awaitEnd(t, name, fd)
			}
			if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s is still there: %v", dir, err)
			}
		})
	}
}

// watch returns a descriptor of a process that becomes readable at its end, -1 if it has ended.
func watch(pid int) int {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1
	}
	return fd
}

// awaitEnd waits until a watched process has ended.
func awaitEnd(t *testing.T, name string, fd int) {
	t.Helper()
	if fd < 0 {
		return
	}
	defer unix.Close(fd)
	for deadline := time.Now().Add(startTimeout); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(time.Until(deadline).Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n != 1 {
			t.Errorf("%s is still there: %v", name, err)
		}
		return
	}
}

func TestServerThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	c := Start(t)
	c.Stop(t)
	if err := os.Remove(filepath.Join(c.data(), "PG_VERSION")); err != nil {
		t.Fatal(err)
	}
	before := c.server
	err := c.start()
	if err == nil || !strings.Contains(err.Error(), "not a valid data directory") {
		t.Errorf("start without PG_VERSION = %v, want what postgres says", err)
	}
	if err := before.leave(); err != nil {
		t.Error(err)
	}
}

func TestNewestVersionIsFound(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]int{"/usr/lib/postgresql/15/bin": 15, "/usr/pgsql-9.6/bin": 9, "/usr/bin": 0} {
		if got := version(path); got != want {
			t.Errorf("version(%s) = %d, want %d", path, got, want)
		}
	}
}

func TestMissingServerIsNamedInOneLine(t *testing.T) {
	t.Setenv("PG_BINDIR", t.TempDir())
	_, err := Open(Options{})
	if !errors.Is(err, ErrAbsent) || strings.Contains(err.Error(), "\n") {
		t.Fatalf("Open = %v, want one line that is ErrAbsent", err)
	}
	for _, want := range []string{"postgresql-server", "PG_BINDIR"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %s: %v", want, err)
		}
	}
	for require, want := range map[string]string{"1": "fail", "": "skip"} {
		t.Setenv("DISPATCHERD_TEST_REQUIRE", require)
		var got string
		t.Run("DISPATCHERD_TEST_REQUIRE="+strconv.Quote(require), func(t *testing.T) {
			r := &recorder{TB: t}
			func() {
				defer func() { _ = recover() }()
				Start(r)
			}()
			got = r.outcome
		})
		if got != want {
			t.Errorf("Start with DISPATCHERD_TEST_REQUIRE=%q made the test %s, want %s", require, got, want)
		}
	}
}

// recorder is a test that only keeps how it was ended.
type recorder struct {
	testing.TB
	outcome string
}

func (r *recorder) Skip(...any)  { r.outcome = "skip"; panic("end of the test") }
func (r *recorder) Fatal(...any) { r.outcome = "fail"; panic("end of the test") }
