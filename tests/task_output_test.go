package tests

import (
	"fmt"
	"strings"
	"testing"
)

// printed puts together what a task has printed, as the log has it.
func (d *daemon) printed(uuid, stream string) string {
	var text strings.Builder
	for _, line := range d.log.all("stream=" + stream + " uuid=" + uuid + " ") {
		_, rest, _ := strings.Cut(line, " msg=")
		message, _, _ := strings.Cut(rest, " part=worker")
		text.WriteString(strings.Trim(message, `"`))
	}
	return text.String()
}

func TestHundredMegabytesOfOutputAreLoggedInBoundedMemory(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 2"))
	before := d.peakMemory()
	flood := d.background("run", "app.tasks.flood", "--arg", "100", "--uuid", "flood", "--wait", "--output", "yaml")
	d.waitLog("uuid=flood")
	for range 5 { // beside it, while it prints
		if a := d.task("app.tasks.shout", "--arg", `"beside"`); a.code != 0 {
			t.Errorf("a task beside the flood ended with\n%s%s", a.stdout, a.stderr)
		}
	}
	flood.wantEnd(0, "outcome: succeeded")
	if a := d.task("app.tasks.add", "--arg", "2", "--arg", "3"); !strings.Contains(a.stdout, "result: 5") {
		t.Errorf("the task after it ended with\n%s%s", a.stdout, a.stderr)
	}
	after := d.peakMemory()
	t.Logf("peak memory %d MiB, before %d MiB", after, before)
	if after-before > 32 {
		t.Errorf("the daemon has grown by %d MiB for 100 MiB of output", after-before)
	}
	d.stop()
	line := " msg=" + strings.Repeat("x", 1023) + " part=worker "
	if got, want := d.log.count(line), 100*1024; got != want {
		t.Errorf("the log has %d lines of the task's, want all %d", got, want)
	}
}

func TestLineOf10MBIsLoggedInPieces(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	d.wantOutcome(t, "succeeded", "", "app.bad.print_line", "--arg", "10000000")
	d.stop()
	got := d.printed(newUUID(t, "succeeded"), "stdout")
	if want := strings.Repeat("ab", 5_000_000); got != want {
		t.Errorf("%d bytes are logged, want the %d that were printed", len(got), len(want))
	}
	for _, line := range d.log.all("stream=stdout") {
		if len(line) > 34<<10 {
			t.Errorf("a line of the log has %d bytes", len(line))
		}
	}
}

func TestBinaryOutputIsLoggedAsText(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	d.wantOutcome(t, "succeeded", "", "app.bad.print_bytes", "--arg", `"a\u0000b\u001b[2J\u00ff\u00fe\r\nlast"`)
	d.stop()
	for _, want := range []string{`msg="a\x00b\x1b[2J` + "\uFFFD", "msg=last part=worker"} {
		if lines := d.log.all(want); len(lines) != 1 || !strings.Contains(lines[0], "uuid="+newUUID(t, "succeeded")+" ") {
			t.Errorf("%s is in the log as %q, want one line of the task's", want, lines)
		}
	}
	for _, line := range d.log.all("") {
		if !strings.HasPrefix(line, "time=") {
			t.Errorf("output has broken a line of the log: %q", line)
		}
	}
}

func TestTaskThatClosesItsOutputDoesNoHarm(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	for _, tt := range []struct{ name, closes, outcome, detail string }{
		{"stdout", "1", "failed", "OSError: [Errno 9] Bad file descriptor"},
		{"stderr", "2", "failed", "OSError: [Errno 9] Bad file descriptor"},
		{"both", "1 2", "failed", "OSError: [Errno 9] Bad file descriptor"},
		{"stdin", "0", "succeeded", "printed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var args []string
			for _, fd := range strings.Fields(tt.closes) {
				args = append(args, "--arg", fd)
			}
			before := d.log.count("msg=hello ")
			d.wantOutcome(t, tt.outcome, "", "app.bad.close_and_print", args...)
			d.task("app.tasks.shout", "--arg", `"hello"`)
			d.waitLogs("msg=hello ", before+1) // the output of the next task is heard
		})
	}
}

func TestTaskThatClosesTheUsualDescriptorsEndsAsItWould(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	before := pidIn(t, d.task("app.tasks.whoami").stdout)
	d.wantOutcome(t, "succeeded", "result: null", "app.tasks.close_descriptors")
	if after := pidIn(t, d.task("app.tasks.whoami").stdout); after == before {
		t.Error("the worker goes on, though nobody would hear what it prints")
	}
}

func TestOutputOfAThreadThatOutlivesItsTaskIsLoggedWithoutIt(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	gate := d.file("gate")
	d.wantOutcome(t, "succeeded", "", "app.bad.leave_thread", "--arg", quoted(gate))
	d.task("app.tasks.mark", "--arg", quoted(gate))
	waitFile(t, gate, 2) // the task's line and the thread's
	if line := d.waitLog("from the thread"); strings.Contains(line, "leave_thread") {
		t.Errorf("the line names the task that has ended: %s", line)
	}
	d.task("app.tasks.nothing")
}

func TestResultThatCannotTravelIsNullAndTheLogSaysWhy(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	for _, tt := range []struct{ name, task, args, why string }{
		{"a lambda", "app.tasks.unserialisable", "", "of type function"},
		{"50 MB", "app.tasks.huge", "50000000", "larger than 1048576 bytes"},
		{"a list in itself", "app.bad.circle", "", "nested deeper than"},
		{"a value that raises at every touch", "app.bad.liar", "", "holds a value of type Liar"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var args []string
			if tt.args != "" {
				args = []string{"--arg", tt.args}
			}
			d.wantOutcome(t, "succeeded", "result: null", tt.task, args...)
			if line := d.waitLog(tt.why); !strings.Contains(line, "replaced by null") || !strings.Contains(line, "level=WARN") || !strings.Contains(line, "task="+tt.task) {
				t.Errorf("logged %q, want a warning that the result is replaced", line)
			}
		})
	}
	if a := d.task("app.bad.not_a_number", "--output", "json"); !strings.Contains(strings.Join(strings.Fields(a.stdout), ""), `"result":[NaN,-Infinity,{"x":NaN}]`) {
		t.Errorf("NaN came back as\n%s%s", a.stdout, a.stderr)
	}
	if a := d.task("app.tasks.huge", "--arg", "1000000", "--output", "json"); !strings.Contains(a.stdout, fmt.Sprintf(`"%s"`, strings.Repeat("x", 1_000_000))) {
		t.Errorf("a result of 1 MB came back with %d bytes", len(a.stdout))
	}
}
