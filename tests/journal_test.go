package tests

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"dispatcherd/daemon/journal"
	"dispatcherd/daemon/journal/journaltest"
)

// startWithJournal starts a daemon whose log goes to a journal of the test's own.
func startWithJournal(t *testing.T, toml string) (*daemon, *journaltest.Record) {
	t.Helper()
	at := journaltest.Listen(t)
	record := at.Record()
	d := prepare(t, toml)
	d.logTo(at)
	d.run()
	t.Cleanup(func() {
		d.stop()
		d.leftNothing()
	})
	record.Wait(journaltest.Entry{"MESSAGE": "dispatcherd is running*", "PRIORITY": "6", "SYSLOG_IDENTIFIER": "dispatcherd"})
	return d, record
}

func (d *daemon) logTo(at *journaltest.Journal) {
	d.args = []string{"--config", d.config, "--log-level", "info", "--log-format", "journal:" + at.Path}
}

// ofRun is what a search for a field gives: the messages with their other fields, less
// those that every entry has.
func ofRun(record *journaltest.Record, uuid string) (found []string) {
	for _, e := range record.With(journaltest.Entry{journal.TaskUUID: uuid}) {
		found = append(found, fmt.Sprintf("%s %s %s %s %s: %s", e["PRIORITY"], e["DISPATCHERD_TASK"], e["DISPATCHERD_WORKER"],
			e["DISPATCHERD_STREAM"], e["DISPATCHERD_LOGGER"], e["MESSAGE"]))
	}
	return found
}

func TestJournalHasOneRunAndNothingElseUnderItsUUID(t *testing.T) {
	t.Parallel()
	d, record := startWithJournal(t, config(t, "", "min_workers = 1\nmax_workers = 1"))
	for _, word := range []string{"one", "two"} {
		if a := d.task("app.speech.speak", "--uuid", "u-"+word, "--arg", quoted(word), "--kwarg", `password="s3cret"`); a.code != 0 {
			t.Fatalf("the task ended with\n%s%s", a.stdout, a.stderr)
		}
	}
	d.stop()
	for _, word := range []string{"one", "two"} {
		got := ofRun(record, "u-"+word)
		var streams [2][]string // what one stream says is in order; the streams are not, among each other
		for _, line := range got {
			which := 0
			if strings.Contains(line, " stderr : ") {
				which = 1
			}
			line, _, _ = strings.Cut(line, ` File "`)
			line, _, _ = strings.Cut(line, " command=run") // who submitted it varies
			streams[which] = append(streams[which], line)
		}
		label := "app.speech.speak 0 "
		want := [2][]string{
			{"6    : control action", "6 " + label + "stdout : printed " + word, "4 " + label + "logging app.speech: warned of " + word,
				"3 " + label + "logging app.speech: met " + word + "\nTraceback (most recent call last):\n "},
			{"6 " + label + "stderr : complained " + word},
		}
		if diff := cmp.Diff(want, streams); diff != "" {
			t.Errorf("the entries of %s differ (-want +got):\n%s\nall:\n%s", word, diff, strings.Join(got, "\n"))
		}
		met := record.With(journaltest.Entry{journal.TaskUUID: "u-" + word, "PRIORITY": "3"})
		if len(met) != 1 || !strings.HasSuffix(met[0]["MESSAGE"], "\nLookupError: "+word) {
			t.Errorf("the traceback is %q, want one entry with all of it", met)
		}
	}
}

func TestJournalNamesTheEventOfATaskThatDied(t *testing.T) {
	t.Parallel()
	d, record := startWithJournal(t, config(t, "", "max_workers = 1"))
	if a := d.task("app.bad.signal_itself", "--uuid", "u-died", "--arg", "9"); !strings.Contains(a.stdout, "outcome: killed") {
		t.Fatalf("the task ended with\n%s%s", a.stdout, a.stderr)
	}
	e := record.Wait(journaltest.Entry{"MESSAGE_ID": journal.Events["task-died"]})
	if e["DISPATCHERD_OUTCOME"] != "killed" || e[journal.TaskUUID] != "u-died" || e["PRIORITY"] != "4" ||
		!strings.Contains(e["MESSAGE"], "killed by SIGKILL") {
		t.Errorf("the entry is %v", e)
	}
}

func TestJournalHasTheExceptionThatEndsATaskAsOneEntry(t *testing.T) {
	t.Parallel()
	d, record := startWithJournal(t, config(t, "", "max_workers = 1"))
	d.task("app.speech.fail", "--uuid", "u-fails", "--kwarg", `password="s3cret"`)
	record.Wait(journaltest.Entry{journal.TaskUUID: "u-fails", "DISPATCHERD_OUTCOME": "failed"})
	got := record.With(journaltest.Entry{journal.TaskUUID: "u-fails", "DISPATCHERD_STREAM": "logging"})
	if len(got) != 1 {
		t.Fatalf("the exception is %d entries: %v", len(got), got)
	}
	e := got[0]
	text := e["MESSAGE"]
	if e["PRIORITY"] != "3" || e["DISPATCHERD_TASK"] != "app.speech.fail" || e["DISPATCHERD_WORKER"] != "0" || e["DISPATCHERD_LOGGER"] != "dispatcherd.worker.task" {
		t.Errorf("the entry is %v", e)
	}
	if !strings.HasPrefix(text, "the task raised ValueError: no\nTraceback (most recent call last):\n") || !strings.HasSuffix(text, "\nValueError: no") {
		t.Errorf("its message is %q", text)
	}
	if printed := record.With(journaltest.Entry{journal.TaskUUID: "u-fails", "DISPATCHERD_STREAM": "stderr"}); len(printed) > 0 {
		t.Errorf("it is printed as well: %v", printed)
	}
}

func TestJournalHasNoArgumentsOfTasks(t *testing.T) {
	t.Parallel()
	d, record := startWithJournal(t, config(t, `env = { TOKEN = "s3cret" }`, "max_workers = 1"))
	d.task("app.speech.fail", "--uuid", "u-fails", "--kwarg", `password="s3cret"`)
	d.ctl("run", "app.speech.fail", "--kwarg", `password="s3cret"`, "--delay", "1h")
	record.Wait(journaltest.Entry{journal.TaskUUID: "u-fails", "DISPATCHERD_OUTCOME": "failed"})
	d.stop() // which names what is abandoned
	for _, e := range record.With(nil) {
		for field, value := range e {
			if strings.Contains(value, "s3cret") {
				t.Errorf("field %s of the journal holds the secret: %s", field, value)
			}
		}
	}
}

func TestJournalHasTheSupervisorsLinesToo(t *testing.T) {
	t.Parallel()
	_, record := startWithJournal(t, config(t, "", "max_workers = 1"))
	record.Wait(journaltest.Entry{"MESSAGE": "daemon has connected*", "DISPATCHERD_PART": "supervisor"})
}

func TestJournalSaysWhyTheDaemonDoesNotStart(t *testing.T) {
	t.Parallel()
	good := config(t, "", "max_workers = 1")
	for _, tt := range []struct {
		name, toml, event, message string
		code                       int
	}{
		{"typo", good + "[pol]\n", "configuration-bad", "dispatcherd.toml:*", 78},
		{"taken", good, "socket-taken", "listen on d.sock: the file that is there is not a socket*", 69},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			at := journaltest.Listen(t)
			record := at.Record()
			d := prepare(t, tt.toml)
			d.logTo(at)
			if err := os.WriteFile(d.socket, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			d.run()
			if code := d.wait(); code != tt.code || d.log.String() != "" {
				t.Errorf("it ended with code %d, want %d, and on standard error\n%s", code, tt.code, d.log)
			}
			record.Wait(journaltest.Entry{"MESSAGE_ID": journal.Events[tt.event], "MESSAGE": tt.message, "PRIORITY": "3"})
			if n := len(record.With(journaltest.Entry{"PRIORITY": "3"})); n != 1 {
				t.Errorf("the journal says %d times why", n)
			}
		})
	}
}

func TestJSONLogSaysWhyTheDaemonDoesNotStart(t *testing.T) {
	t.Parallel()
	d := prepare(t, config(t, "", "max_workers = 1")+"[pol]\n")
	d.run("DISPATCHERD_LOG_FORMAT=auto")
	var said map[string]any
	if code := d.wait(); code != 78 || json.Unmarshal([]byte(d.log.String()), &said) != nil {
		t.Fatalf("it ended with code %d and said %s", code, d.log)
	}
	if message, _ := said["msg"].(string); said["event"] != "configuration-bad" || !strings.Contains(message, "pol: unknown") {
		t.Errorf("it said %v", said)
	}
}

func TestJournalThatIsAbsentIsOneLineAndTheDaemonRuns(t *testing.T) {
	t.Parallel()
	at := journaltest.Listen(t)
	at.Close()
	d := prepare(t, config(t, "", "max_workers = 1"))
	d.logTo(at)
	d.run()
	t.Cleanup(d.stop)
	d.waitLog("INFO  dispatcherd is running  ")
	d.task("app.tasks.shout", "--arg", `"hello"`, "--uuid", "u-1")
	d.waitLog("INFO  worker: hello  worker=0 stream=stdout uuid=u-1 task=app.tasks.shout")
	for _, line := range d.log.all("the journal takes no entries, so they are written here: ") {
		if !strings.Contains(line, at.Path+": connect: no such file or directory") {
			t.Errorf("the line is %q, want the reason in it", line)
		}
	}
	if n := d.log.count("the journal takes no entries"); n != 2 { // the daemon's and the supervisor's
		t.Errorf("%d lines are about the journal, want one of each process:\n%s", n, d.log)
	}
}

// A variable that was inherited from somebody whose standard error was the journal says
// nothing of ours.
func TestLogIsJSONWhereNeitherTheJournalNorATerminalReadsIt(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"), "DISPATCHERD_LOG_FORMAT=auto", "JOURNAL_STREAM=8:12345")
	d.task("app.speech.speak", "--uuid", "u-1", "--arg", `"x"`)
	d.stop()
	found := 0
	for line := range strings.Lines(d.log.String()) {
		var said map[string]any
		if err := json.Unmarshal([]byte(line), &said); err != nil || said["time"] == "" || said["level"] == "" {
			t.Errorf("%q is not a line of JSON: %v", line, err)
		}
		if said["uuid"] == "u-1" && said["logger"] == "app.speech" && said["level"] == "ERROR" &&
			strings.HasSuffix(said["msg"].(string), "\nLookupError: x") {
			found++
		}
	}
	if found != 1 {
		t.Errorf("the traceback is in the log %d times:\n%s", found, d.log)
	}
}

func TestLogGoesToTheJournalWhoseStreamStandardErrorIs(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(journal.DefaultSocket); !errors.Is(err, fs.ErrNotExist) {
		t.Skip("there is a journal on this host, and this test would write to it")
	}
	d := prepare(t, config(t, "", "max_workers = 1"))
	path := d.file("stderr")
	stderr, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	var info unix.Stat_t
	if err := unix.Fstat(int(stderr.Fd()), &info); err != nil {
		t.Fatal(err)
	}
	d.stderr = stderr
	d.run("DISPATCHERD_LOG_FORMAT=", fmt.Sprintf("JOURNAL_STREAM=%d:%d", info.Dev, info.Ino))
	waitFile(t, path, 3)
	d.stop()
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), "the journal takes no entries, so they are written here: dial unixgram "+journal.DefaultSocket) {
		t.Errorf("the log is %s (%v), want that it tried the journal", text, err)
	}
}

func TestLogOnATerminalIsForPeople(t *testing.T) {
	t.Parallel()
	ours, theirs := terminal(t)
	d := prepare(t, config(t, "", "max_workers = 1"))
	d.stderr = theirs
	d.run("DISPATCHERD_LOG_FORMAT=auto")
	t.Cleanup(d.stop)
	go func() { // ends when the test closes the terminal
		for buf := make([]byte, 4096); ; {
			n, err := ours.Read(buf)
			if err != nil {
				return
			}
			d.log.Write(buf[:n])
		}
	}()
	d.waitLog(" INFO  dispatcherd is running  node_id=test ")
	d.task("app.bad.print_bytes", "--arg", `"\u001b[2J"`)
	if line := d.waitLog(`INFO  worker: \x1b[2J`); strings.Contains(line, "\x1b") {
		t.Errorf("the line %q holds a command for the terminal", line)
	}
}

// terminal returns both ends of a pseudo terminal (pts(4)).
func terminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo terminal: ", err)
	}
	t.Cleanup(func() { ours.Close() })
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { theirs.Close() })
	return ours, theirs
}
