package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dispatcherd runs the daemon's program to its end. Of the tests' environment
// it sees all but what names a configuration.
func dispatcherd(t *testing.T, dir string, env []string, args ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(programs, "dispatcherd"), args...)
	cmd.Dir = dir
	cmd.Env = slices.Concat(os.Environ(), []string{"DISPATCHERD_CONFIG_FILE="}, env)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("dispatcherd %q: %v", args, err)
	}
	return answer{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// want compares all that the program has said.
func (a answer) want(t *testing.T, code int, stdout, stderr string) {
	t.Helper()
	if a.code != code || a.stdout != stdout || a.stderr != stderr {
		t.Errorf("exit code %d, stdout %q, stderr %q\nwant code %d, stdout %q, stderr %q", a.code, a.stdout, a.stderr, code, stdout, stderr)
	}
}

// settings is a configuration of which nothing more is wanted than that it is a good one.
const settings = "version = 2\n[brokers.socket]\npath = \"d.sock\"\n"

// write makes a file that a test begins with.
func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	err := os.WriteFile(path, []byte(text), 0o600)
	if err == nil {
		err = os.Chmod(path, mode) // whatever the umask is
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestVersionIsOneLine(t *testing.T) {
	t.Parallel()
	a := dispatcherd(t, t.TempDir(), nil, "--version")
	if ok, err := regexp.MatchString(`\Adispatcherd \S+\n\z`, a.stdout); err != nil || !ok || a.code != 0 || a.stderr != "" {
		t.Errorf("exit code %d, stdout %q, stderr %q", a.code, a.stdout, a.stderr)
	}
}

func TestMistakesOnTheCommandLineAreOneLineAndCode2(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--no-such-flag"}, "unknown flag: --no-such-flag"},
		{[]string{"--config"}, "flag needs an argument: --config"},
		{[]string{"serve"}, `unknown argument "serve"`},
		{[]string{"--log-level", "bogus", "--check"}, `--log-level must be debug, info, warning, error or critical, got "bogus"`},
		{[]string{"supervisor", "--log-level", "bogus"}, `--log-level must be debug, info, warning, error or critical, got "bogus"`},
		{[]string{"supervisor", "more"}, `unknown argument "more"`},
		{[]string{"supervisor", "--listen-fd", "-1"}, `invalid argument "-1" for "--listen-fd" flag: strconv.ParseUint: parsing "-1": invalid syntax`},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, filepath.Join(dir, "dispatcherd.toml"), settings, 0o600)
			dispatcherd(t, dir, nil, tt.args...).want(t, 2, "", "dispatcherd: "+tt.want+"; see dispatcherd --help\n")
		})
	}
}

func TestCheckOfAGoodFileNamesIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "good.toml"), settings, 0o600)
	dispatcherd(t, dir, nil, "--config", "good.toml", "--check").want(t, 0, "good.toml: no problems found\n", "")
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("the check has left %v, %v", left, err)
	}
}

func TestCheckPrintsEveryProblemWithItsLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "bad.toml"), `version = 2
colour = "blue"
[pool]
min_workers = 4
max_workers = 2
cancel_grace = "soon"
[worker]
tasks = "importable"
[brokers.socket]
path = "d.sock"
[[schedule]]
task = "app.tasks.add"
every = "-1s"
`, 0o600)
	want := []string{
		"bad.toml:2: colour: unknown key",
		"bad.toml:5: pool.max_workers: must ",
		"bad.toml:6: pool.cancel_grace: must ",
		"bad.toml:7: worker.tasks_allow: must ", // which is not there: its section is named
		"bad.toml:13: schedule[0].every: must ",
	}
	for check, code := range map[string]int{"--check": 1, "--log-level=info": 78} { // a start finds the same
		a := dispatcherd(t, dir, nil, "--config", "bad.toml", check)
		lines := strings.Split(strings.TrimSuffix(a.stderr, "\n"), "\n")
		if a.code != code || a.stdout != "" || len(lines) != len(want) {
			t.Errorf("%s: exit code %d, stdout %q, want %d, nothing and %d lines in\n%s", check, a.code, a.stdout, code, len(want), a.stderr)
			continue
		}
		for i := range want {
			if !strings.HasPrefix(lines[i], want[i]) {
				t.Errorf("%s: line %d is %q, want one that begins with %q", check, i+1, lines[i], want[i])
			}
		}
	}
}

func TestMissingConfigurationSaysWhereItLooked(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/etc/dispatcherd/dispatcherd.toml"); err == nil {
		t.Skip("there is a /etc/dispatcherd/dispatcherd.toml")
	}
	a := dispatcherd(t, t.TempDir(), nil)
	a.want(t, 78, "", "dispatcherd: no configuration: --config is not given, DISPATCHERD_CONFIG_FILE is not set, "+
		"and there is neither ./dispatcherd.toml nor ./dispatcher.yml nor /etc/dispatcherd/dispatcherd.toml\n")
}

func TestFileThatWasNamedAndIsNotThereIsOneLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		env, args []string
	}{
		{"by the flag", nil, []string{"--config", "no.toml"}},
		{"by the variable", []string{"DISPATCHERD_CONFIG_FILE=no.toml"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := dispatcherd(t, t.TempDir(), tt.env, tt.args...)
			a.want(t, 78, "", "no.toml: cannot be read: no such file or directory\n")
		})
	}
}

func TestConfigurationIsSearchedForInOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"flag.toml", "variable.toml", "dispatcherd.toml"} {
		write(t, filepath.Join(dir, name), settings, 0o600)
	}
	variable := []string{"DISPATCHERD_CONFIG_FILE=variable.toml"}
	for _, tt := range []struct {
		want string
		env  []string
		args []string
	}{
		{"flag.toml", variable, []string{"--check", "--config", "flag.toml"}},
		{"variable.toml", variable, []string{"--check"}},
		{"./dispatcherd.toml", nil, []string{"--check"}},
	} {
		dispatcherd(t, dir, tt.env, tt.args...).want(t, 0, tt.want+": no problems found\n", "")
	}
}

func TestFileOfTheDirectoryMustNotBeWritableByOthers(t *testing.T) {
	t.Parallel()
	for _, mode := range []os.FileMode{0o620, 0o602} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "dispatcherd.toml"), settings, mode)
		a := dispatcherd(t, dir, nil)
		if a.code != 78 || strings.Count(a.stderr, "\n") != 1 || !strings.Contains(a.stderr, fmt.Sprintf("(mode %04o)", mode)) {
			t.Errorf("exit code %d, %q, want 78 and a line that names mode %04o", a.code, a.stderr, mode)
		}
		dispatcherd(t, dir, nil, "--check", "--config", "dispatcherd.toml").want(t, 0, "dispatcherd.toml: no problems found\n", "")
	}
}

func TestFileOfTheDirectoryMustNotBelongToSomebodyElse(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file to somebody else")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "dispatcherd.toml")
	write(t, path, settings, 0o644)
	if err := os.Chown(path, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	a := dispatcherd(t, dir, nil)
	if a.code != 78 || strings.Count(a.stderr, "\n") != 1 || !strings.Contains(a.stderr, "belongs to uid 65534") {
		t.Errorf("exit code %d, %q, want 78 and a line that names uid 65534", a.code, a.stderr)
	}
	dispatcherd(t, dir, nil, "--check", "--config", "dispatcherd.toml").want(t, 0, "dispatcherd.toml: no problems found\n", "")
}

func TestSupervisorByHandSaysThatItNeedsASocket(t *testing.T) {
	t.Parallel()
	a := dispatcherd(t, t.TempDir(), nil, "supervisor")
	if a.code != 69 || a.stdout != "" || strings.Count(a.stderr, "\n") != 1 ||
		!strings.HasPrefix(a.stderr, "dispatcherd: descriptor 3 is not a listening socket") {
		t.Errorf("exit code %d, stdout %q, stderr %q", a.code, a.stdout, a.stderr)
	}
}

func TestWhatCannotBeOpenedEndsTheStartWithOneLine(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	for _, tt := range []struct{ name, toml, want string }{
		{"the metrics' address", config(t, "", "", "[metrics]\nlisten = "+quoted(taken.Addr().String())), taken.Addr().String() + ": bind: address already in use"},
		{"the socket's directory", strings.Replace(config(t, "", ""), "d.sock", "no/such/d.sock", 1), "listen on no/such/d.sock: mkdir no/such: no such file or directory"},
		{"the socket's path", strings.Replace(config(t, "", ""), "d.sock", "dispatcherd.toml", 1), "dispatcherd.toml: the file that is there is not a socket"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := prepare(t, tt.toml)
			a := dispatcherd(t, d.dir, []string{"TMPDIR=" + d.file("tmp")}, "--config", "dispatcherd.toml")
			if a.code != 69 || a.stdout != "" || strings.Count(a.stderr, "\n") != 1 || !strings.Contains(a.stderr, tt.want) {
				t.Errorf("exit code %d, stdout %q, stderr %q, want 69 and a line with %q", a.code, a.stdout, a.stderr, tt.want)
			}
			wantFiles(t, d.dir, "dispatcherd.toml", "tmp")
			wantFiles(t, d.file("tmp"))
			if left := processesIn(d.dir); len(left) > 0 {
				t.Errorf("processes are left behind: %v", left)
			}
		})
	}
}

func TestConfigurationThatNoSupervisorTakesIsRefused(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 1<<18) // more than the supervisor can be told
	d := prepare(t, config(t, "env = { LARGE = "+quoted(large)+" }", ""))
	d.run()
	if code := d.wait(); code != 78 {
		t.Errorf("dispatcherd ended with code %d, want 78", code)
	}
	text := strings.TrimSpace(d.log.String())
	if !strings.Contains(text, "worker spec: must be at most") || strings.Count(text, "\n") > 0 || strings.Contains(text, large[:99]) {
		t.Errorf("it does not say why in one line, or shows the environment:\n%.2000s", text)
	}
	d.leftNothing()
}

// wantFiles compares what is in a directory.
func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q (%v)", dir, got, want, err)
	}
}
