package tests

import (
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wantFailure compares an exit code, and wants one line of ours where the
// original may have shown its stack.
func wantFailure(t *testing.T, theirs, ours answer, code int, line string) {
	t.Helper()
	if theirs.code != code || ours.code != code {
		t.Errorf("exit codes %d and %d, want %d\n%s\n%s", theirs.code, ours.code, code, theirs.stderr, ours.stderr)
	}
	if strings.Count(ours.stderr, "\n") != 1 || !regexp.MustCompile(line).MatchString(ours.stderr) {
		t.Errorf("ours says %q, want one line that matches %s", ours.stderr, line)
	}
}

func TestInteropMistakesOnTheCommandLineAreTheOriginals(t *testing.T) {
	d, db := startInterop(t)
	w := d.twins(db, "jobs")["socket"]
	for _, args := range []string{
		"", "bogus", "alive now", "alive --no-such", "alive --config", "alive --log-level loud", "alive --log-level Debug",
		"alive --expected-replies two", "alive --expected-replies", "alive --task a", "workers --uuid u", "running --task",
		"aio_tasks --limit many", "aio_tasks --limit 1.5", "set_log_level", "set_log_level --level LOUD", "set_log_level --level debug",
	} {
		t.Run(args, func(t *testing.T) {
			theirs, ours := originalCtl(t, w.dir, strings.Fields(args)...), runProgram(t, w.dir, "dispatcherctl", strings.Fields(args)...)
			wantFailure(t, theirs, ours, 2, `^dispatcherctl: .*\(see dispatcherctl --help\)\n$`)
			if ours.stdout != "" {
				t.Errorf("and %q on standard output", ours.stdout)
			}
		})
	}
}

func TestInteropFewerRepliesThanExpectedFail(t *testing.T) {
	d, db := startInterop(t)
	all := d.twins(db, "jobs")
	theirs, ours := all["pg_notify"].both(t, "alive", "--expected-replies", "2")
	wantFailure(t, theirs, ours, 1, `^dispatcherctl: obtained only 1 of 2 replies\n$`)
	// The original says it in the midst of its output, which is no YAML then.
	if want := ours.stdout + "ERROR:dispatcherd.cli:Obtained only 1 of 2, exiting with non-zero code\n"; ours.stdout != "- node_id: test\n\n" || theirs.stdout != want {
		t.Errorf("over Postgres the original printed %q, ours %q", theirs.stdout, ours.stdout)
	}
	theirs, ours = all["socket"].both(t, "alive", "--expected-replies", "2")
	wantFailure(t, theirs, ours, 1, `^dispatcherctl: obtained only 1 of 2 replies\n$`)
	// The original loses what came, and shows its stack.
	if ours.stdout != "- node_id: test\n\n" || theirs.stdout != "" || !strings.Contains(theirs.stderr, "Traceback") {
		t.Errorf("over the socket the original printed %q, ours %q", theirs.stdout, ours.stdout)
	}
	nobody := d.twins(db, "nobody")["pg_notify"]
	theirs, ours = nobody.both(t, "alive")
	wantFailure(t, theirs, ours, 1, `^dispatcherctl: obtained only 0 of 1 replies\n$`)
	if ours.stdout != "[]\n\n" || !strings.HasPrefix(theirs.stdout, ours.stdout) {
		t.Errorf("of nobody the original printed %q, ours %q", theirs.stdout, ours.stdout)
	}
	theirs, ours = nobody.both(t, "alive", "--expected-replies", "0")
	if theirs.code != 0 || ours.code != 0 || ours.stdout != theirs.stdout || ours.stdout != "[]\n\n" {
		t.Errorf("when none is expected: exit codes %d and %d, %q and %q", theirs.code, ours.code, theirs.stdout, ours.stdout)
	}
}

func TestInteropDaemonThatIsAwayFails(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/socket.yml", "{version: 2, brokers: {socket: {socket_path: "+dir+"/none}}}", 0o600)
	write(t, dir+"/postgres.yml", "{version: 2, brokers: {pg_notify: {config: {conninfo: host="+dir+"}, default_publish_channel: jobs}}}", 0o600)
	write(t, dir+"/broken.yml", "version: [", 0o600)
	write(t, dir+"/socket.toml", "version = 2\n[brokers.socket]\npath = \"none\"\n", 0o600)
	write(t, dir+"/postgres.toml", "version = 2\n[brokers.pg_notify]\nchannels = [\"jobs\"]\nconninfo = "+quoted("host="+dir)+"\n", 0o600)
	write(t, dir+"/broken.toml", "version = [", 0o600)
	deserted(t, dir+"/deserted")
	write(t, dir+"/deserted.yml", "{version: 2, brokers: {socket: {socket_path: "+dir+"/deserted}}}", 0o600)
	write(t, dir+"/deserted.toml", "version = 2\n[brokers.socket]\npath = \"deserted\"\n", 0o600)
	for _, tt := range []struct{ name, line string }{
		{"socket", `^dispatcherctl: cannot connect to none: no such file or directory`},
		{"deserted", `^dispatcherctl: cannot connect to deserted: connection refused`},
		{"postgres", `^dispatcherctl: cannot reach Postgres: `},
		{"broken", `^dispatcherctl: broken.toml:`},
		{"missing", `^dispatcherctl: missing.toml: `},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := twins{t, dir, []string{"--config", tt.name + ".yml"}, []string{"--config", tt.name + ".toml", "--timeout", "2"}}
			theirs, ours := w.both(t, "alive")
			wantFailure(t, theirs, ours, 1, tt.line)
			if theirs.stdout != "" || ours.stdout != "" {
				t.Errorf("output %q and %q, want none", theirs.stdout, ours.stdout)
			}
		})
	}
}

// deserted leaves a socket behind that nobody listens to.
func deserted(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestInteropCtlLogsNothingAmongTheReplies(t *testing.T) {
	d, db := startInterop(t)
	w := d.twins(db, "jobs")["socket"]
	theirs := originalCtl(t, d.dir, append([]string{"alive"}, w.theirs...)...)
	if !regexp.MustCompile(`(?s)^DEBUG:dispatcherd\.cli:.*\nINFO:.*\n- node_id: test\n\n$`).MatchString(theirs.stdout) {
		t.Errorf("without an option the original printed %q, want its log before the reply", theirs.stdout)
	}
	runProgram(t, d.dir, "dispatcherctl", append([]string{"alive"}, w.ours...)...).want(t, 0, "- node_id: test\n\n", "")
	for _, level := range []string{"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "debug", "info", "warning", "error", "critical"} {
		runProgram(t, d.dir, "dispatcherctl", append([]string{"alive", "--log-level", level}, w.ours...)...).want(t, 0, "- node_id: test\n\n", "")
	}
}

func TestInteropOptionsBeforeTheCommandCount(t *testing.T) {
	d, db := startInterop(t)
	w := d.twins(db, "jobs")["socket"]
	if a := originalCtl(t, d.dir, append(w.theirs, "alive")...); a.code != 1 || !strings.Contains(a.stderr, "dispatcher.yml") {
		t.Errorf("the original took an option that stood before the command: %d, %s", a.code, a.stderr)
	}
	a := runProgram(t, d.dir, "dispatcherctl", append(w.ours, "--log-level", "ERROR", "alive")...)
	a.want(t, 0, "- node_id: test\n\n", "")
}

func TestInteropHelpIsThereOnBothLevels(t *testing.T) {
	dir := t.TempDir()
	theirs := originalCtl(t, dir, "-h")
	ours := runProgram(t, dir, "dispatcherctl", "-h")
	listed := func(text string) (names []string) {
		for _, m := range regexp.MustCompile(`(?m)^ +([a-z_]+) `).FindAllStringSubmatch(text, -1) {
			if isCommand := func(args []string) bool { return args[0] == m[1] }; slices.ContainsFunc(originalCommands, isCommand) {
				names = append(names, m[1])
			}
		}
		return names
	}
	if diff := cmp.Diff(listed(theirs.stdout), listed(ours.stdout)); diff != "" || len(listed(ours.stdout)) != 11 {
		t.Errorf("the commands in the help (-original +ours):\n%s", diff)
	}
	for _, args := range originalCommands {
		one, other := originalCtl(t, dir, args[0], "-h"), runProgram(t, dir, "dispatcherctl", args[0], "-h")
		if one.code != 0 || other.code != 0 {
			t.Errorf("%s -h: exit codes %d and %d", args[0], one.code, other.code)
		}
		for _, option := range regexp.MustCompile(`--[a-z-]+`).FindAllString(one.stdout, -1) {
			if !strings.Contains(other.stdout, option) {
				t.Errorf("%s has no %s", args[0], option)
			}
		}
	}
}
