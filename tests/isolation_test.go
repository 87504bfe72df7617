package tests

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// nobody is the user without any rights, on Debian and Fedora alike.
const nobody = 65534

func TestEachWorkerIsAloneInALeafOfItsOwn(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "min_workers = 3\nmax_workers = 3"))
	pids := d.waitIdle(3)
	if !d.inCgroups() {
		t.Skip("no cgroup tree can be written to here")
	}
	tree := d.tree()
	for i, pid := range pids {
		wantMembers(t, filepath.Join(tree, fmt.Sprintf("worker-%d", i)), pid)
	}
	wantMembers(t, filepath.Join(tree, "forkserver"), d.forkServer())
	wantMembers(t, filepath.Join(tree, "supervisor"), d.supervisor())
	wantMembers(t, tree)
}

// wantMembers compares the processes of a cgroup.
func wantMembers(t *testing.T, dir string, want ...int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	var got []int
	for field := range strings.FieldsSeq(string(text)) {
		pid, _ := strconv.Atoi(field)
		got = append(got, pid)
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%s holds processes %v, want %v (%v)", dir, got, want, err)
	}
}

// prepareAsNobody is prepare for a daemon that cannot write to the cgroup tree.
func prepareAsNobody(t *testing.T, pool string) *daemon {
	t.Helper()
	d := prepare(t, config(t, "", pool))
	if os.Geteuid() != 0 {
		return d // as whoever runs the tests; without root that is usually so
	}
	// Where the tests are checked out may be closed to others.
	if err := os.CopyFS(d.file("project"), os.DirFS("project")); err != nil {
		t.Fatal(err)
	}
	settings := strings.Replace(config(t, "", pool), quoted(absolute(t, "project")), quoted(d.file("project")), 1)
	if err := os.WriteFile(d.file("dispatcherd.toml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	d.becomeNobody()
	return d
}

// becomeNobody has a daemon that was prepared run as the user nobody, who owns its files.
func (d *daemon) becomeNobody() {
	t := d.t
	t.Helper()
	account := &syscall.Credential{Uid: nobody, Gid: nobody}
	d.attr.Credential = account
	d.program = d.file("dispatcherd")
	copyFile(t, filepath.Join(programs, "dispatcherd"), d.program)
	err := filepath.WalkDir(d.dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	})
	if err != nil {
		t.Fatal(err)
	}
	python := exec.Command("/usr/bin/env", "python3", "-c", "")
	python.Dir = d.dir
	python.SysProcAttr = &syscall.SysProcAttr{Credential: account}
	if out, err := python.CombinedOutput(); err != nil {
		t.Skipf("there is no python3 on PATH that every user may run: %v %s", err, out)
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// startAsNobody starts such a daemon and makes sure of how it holds its workers.
func startAsNobody(t *testing.T, pool string) *daemon {
	t.Helper()
	d := prepareAsNobody(t, pool)
	d.run()
	d.waitLog("dispatcherd is running")
	t.Cleanup(func() {
		d.stop()
		d.leftNothing()
	})
	waitFor(t, "the supervisor's answer", func() bool { return d.ask("status")["supervisor"].(map[string]any)["connected"] == true })
	if d.inCgroups() {
		if os.Geteuid() == 0 {
			t.Error("nobody can write to the cgroup tree")
		}
		t.Skip("this user has a cgroup tree to write to")
	}
	return d
}

func TestProcessGroupsServeWhereThereIsNoCgroupTree(t *testing.T) {
	t.Parallel()
	d := startAsNobody(t, "max_workers = 2\ncancel_grace = \"300ms\"")
	if line := d.waitLog("workers are held by process groups"); !strings.Contains(line, "level=WARN") {
		t.Errorf("not a warning: %s", line)
	}
	d.wantWork()
	h := d.deafen("deaf", "--timeout", "2", "--kwarg", "children=2")
	lines := waitFile(t, h.path, 3)
	h.wantEnd(1, "outcome: timed_out", "killed by SIGKILL")
	for _, line := range lines[:2] {
		pid, err := strconv.Atoi(line)
		if err != nil {
			t.Fatal(err)
		}
		waitGone(t, "a child of the task", pid)
	}
	d.wantWork()
}

func TestKilledSupervisorsTasksEndWithoutACgroupTreeAsWell(t *testing.T) {
	t.Parallel()
	d := startAsNobody(t, "max_workers = 2")
	h := d.deafen("deaf", "--kwarg", "children=1")
	child, err := strconv.Atoi(waitFile(t, h.path, 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	worker := d.busyWorker()
	kill(t, "the supervisor", d.supervisor())
	h.wantEnd(1, "outcome: lost", "the supervisor ended")
	waitGone(t, "the worker", worker)
	waitGone(t, "the task's child", child)
	d.wantWork()
}

// texts runs a task and returns its result, which holds nothing but texts.
func (d *daemon) texts(name string) map[string]string {
	d.t.Helper()
	a := d.ctl("run", name, "--wait", "--output", "json")
	_, end, _ := strings.Cut(a.stdout, "\n") // behind the uuid
	var ended struct {
		Result map[string]string `json:"result"`
	}
	decode(d.t, end, &ended)
	return ended.Result
}

func TestTaskSeesNoDescriptorsButItsOwn(t *testing.T) {
	t.Parallel()
	d := prepare(t, config(t, "", ""))
	secret, err := os.Create(d.file("secret"))
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	d.files = []*os.File{secret, secret, secret} // as a careless caller leaves them open
	d.run()
	d.waitLog("dispatcherd is running")
	t.Cleanup(func() {
		d.stop()
		d.leftNothing()
	})
	h := d.hold("another") // its worker has descriptors too
	defer h.letGo()
	result := d.texts("app.tasks.descriptors")
	var seen []string
	for number, target := range result {
		name, _, _ := strings.Cut(target, ":")
		if strings.HasSuffix(target, "/cgroup.procs") {
			name = "members"
		}
		if len(number) > 1 || number > "2" {
			number = "N"
		}
		seen = append(seen, number+" "+name)
	}
	slices.Sort(seen)
	want := []string{"0 /dev/null", "1 pipe", "2 pipe", "N pipe", "N socket"} // the last pipe is the worker's lane
	if d.inCgroups() {
		// In the list of the processes in its cgroup a worker looks for what tasks leave.
		want = slices.Insert(want, 3, "N members")
	}
	if !slices.Equal(seen, want) {
		t.Errorf("the task sees %v, want %v", result, want)
	}
}

func TestTaskSeesTheCallersEnvironmentAndNothingElse(t *testing.T) {
	t.Parallel()
	own := []string{"LC_ALL=C.UTF-8", "INHERITED=yes"} // without a locale, Python sets one
	// What is on PATH may be a script that adds something.
	python, err := exec.CommandContext(t.Context(), "python3", "-c", "import sys; print(sys.executable, end='')").Output()
	if err != nil {
		t.Fatal(err)
	}
	worker := fmt.Sprintf("python = %q\nenv = { APP_COLOUR = \"blue\" }", python)
	d := start(t, config(t, worker, ""), append(own, "WATCHDOG_USEC=1", "LISTEN_FDS=1", "JOURNAL_STREAM=1:2")...)
	got := d.texts("app.tasks.whole_environment")
	want := map[string]string{}
	for _, entry := range slices.Concat(os.Environ(), own, []string{"TMPDIR=" + d.file("tmp"), "APP_COLOUR=blue"}) {
		name, value, _ := strings.Cut(entry, "=")
		if !slices.Contains([]string{"NOTIFY_SOCKET", "JOURNAL_STREAM", "CREDENTIALS_DIRECTORY"}, name) {
			want[name] = value
		}
	}
	if !maps.Equal(got, want) {
		for name := range want {
			if got[name] == want[name] {
				delete(got, name)
				delete(want, name)
			}
		}
		t.Errorf("the environment differs: the task has %q, want %q", got, want)
	}
}

func TestDaemonsDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	one := start(t, config(t, "", ""))
	h := one.hold("task")
	supervisor, worker := one.supervisor(), one.busyWorker()
	two := start(t, config(t, "", "")) // its supervisor sweeps
	two.wantWork()
	kill(t, "the other supervisor", two.supervisor()) // the next one sweeps as well
	two.wantWork()
	two.stop()
	if !living(worker) || one.supervisor() != supervisor || one.figure("supervisor", "restarts") != 0 {
		t.Errorf("worker %d is gone, or supervisor %d is", worker, supervisor)
	}
	h.letGo()
	h.wantEnd(0, "outcome: succeeded")
}

func TestSecondDaemonOnTheSocketIsRefused(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "", "[metrics]\nlisten = \"127.0.0.1:0\""))
	supervisor := d.supervisor()
	d.waitIdle(1)
	a := dispatcherd(t, d.dir, nil, "--config", "dispatcherd.toml")
	a.want(t, 69, "", "dispatcherd: another instance is listening on d.sock; stop it, or choose another path\n")
	d.wantWork()
	if d.supervisor() != supervisor {
		t.Error("the first daemon has another supervisor than before")
	}
}
