package journal

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/daemon/journal/journaltest"
)

// rig is a log that goes to a journal of the test's own.
type rig struct {
	*slog.Logger
	journal *journaltest.Journal
	stderr  bytes.Buffer
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{journal: journaltest.Listen(t)}
	handler, err := New("journal:"+r.journal.Path, &r.stderr, slog.LevelInfo)
	if err != nil {
		t.Fatal(err)
	}
	r.Logger = slog.New(handler)
	return r
}

// want compares the next entry.
func (r *rig) want(t *testing.T, want journaltest.Entry) {
	t.Helper()
	want["SYSLOG_IDENTIFIER"] = "dispatcherd"
	if diff := cmp.Diff(want, r.journal.Next()); diff != "" {
		t.Errorf("entry differs (-want +got):\n%s", diff)
	}
}

func TestLabelsBecomeFieldsAndStayReadable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.With("part", "dispatcher").Warn("task ended", "worker", 3, "uuid", "u-1", "task", "app.work",
		"outcome", errors.New("killed"), "err", "killed by SIGKILL", "event", "task-died")
	r.want(t, journaltest.Entry{
		"MESSAGE":  `task ended worker=3 uuid=u-1 task=app.work outcome=killed err="killed by SIGKILL"`,
		"PRIORITY": "4", "MESSAGE_ID": Events["task-died"],
		"DISPATCHERD_PART": "dispatcher", "DISPATCHERD_WORKER": "3", "DISPATCHERD_TASK_UUID": "u-1",
		"DISPATCHERD_TASK": "app.work", "DISPATCHERD_OUTCOME": "killed",
	})
}

func TestWordsOfATaskAreTheWholeMessage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	log := r.With("part", "worker").With("worker", 3)
	log.Info("a=b\x1b[2J \x00", "stream", "stdout", "uuid", "u-1", "task", "app.work")
	r.want(t, journaltest.Entry{
		"MESSAGE": "a=b\x1b[2J \x00", "PRIORITY": "6", "DISPATCHERD_PART": "worker", "DISPATCHERD_WORKER": "3",
		"DISPATCHERD_STREAM": "stdout", "DISPATCHERD_TASK_UUID": "u-1", "DISPATCHERD_TASK": "app.work",
	})
	log.Error("it broke\nTraceback:\n  line", "stream", "logging", "logger", "app.db")
	r.want(t, journaltest.Entry{
		"MESSAGE": "it broke\nTraceback:\n  line", "PRIORITY": "3", "DISPATCHERD_PART": "worker", "DISPATCHERD_WORKER": "3",
		"DISPATCHERD_STREAM": "logging", "DISPATCHERD_LOGGER": "app.db",
	})
}

func TestValueOfAFieldCannotMakeAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Info("x", "uuid", "u\nPRIORITY=0\nDISPATCHERD_TASK=root")
	r.want(t, journaltest.Entry{
		"MESSAGE": `x uuid="u\nPRIORITY=0\nDISPATCHERD_TASK=root"`, "PRIORITY": "6",
		"DISPATCHERD_TASK_UUID": "u\nPRIORITY=0\nDISPATCHERD_TASK=root",
	})
}

func TestFieldsAreAsShortAsWhatJournalctlIsAskedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	long := strings.Repeat("u", 10_000)
	r.Info("x", "uuid", long)
	e := r.journal.Next()
	if got := "DISPATCHERD_TASK_UUID=" + e[TaskUUID]; got != Match(long) || len(got) > 300 {
		t.Errorf("the field is %d bytes, and %d are asked for", len(got), len(Match(long)))
	}
}

func TestGroupsStayInTheMessage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.WithGroup("of").Info("x", "uuid", "u-1", slog.Group("queued", "count", 2))
	r.want(t, journaltest.Entry{"MESSAGE": "x of.uuid=u-1 of.queued.count=2", "PRIORITY": "6"})
}

func TestPriorityIsTheLevel(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Debug("not written") // the level is info
	handler, err := New("journal:"+r.journal.Path, &r.stderr, slog.Level(-100))
	if err != nil {
		t.Fatal(err)
	}
	r.Logger = slog.New(handler)
	for level, want := range map[slog.Level]string{
		slog.LevelDebug: "7", slog.LevelInfo: "6", slog.LevelWarn: "4", slog.LevelError: "3", Critical: "2", Critical + 9: "2", -99: "7",
	} {
		r.Log(t.Context(), level, "x")
		if e := r.journal.Next(); e["PRIORITY"] != want || e["MESSAGE"] != "x" {
			t.Errorf("level %v: entry %v, want priority %s", level, e, want)
		}
	}
}

func TestUnknownEventHasNoID(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Info("x", "event", "no such")
	r.want(t, journaltest.Entry{"MESSAGE": "x", "PRIORITY": "6"})
}

func TestEntryThatIsTooLongForADatagramIsAFile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, size := range []int{1 << 20, 10} { // the socket is as good as before
		r.Info(strings.Repeat("x", size), "stream", "stdout")
		if got := r.journal.Next()["MESSAGE"]; got != strings.Repeat("x", size) {
			t.Errorf("the message has %d bytes, want %d", len(got), size)
		}
	}
}

func TestLinesOfManyWritersStayWhole(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	record := r.journal.Record()
	done := make(chan struct{})
	for i := range 8 {
		go func() {
			for n := range 50 {
				r.Info("x", "worker", i, "task", fmt.Sprint(n))
			}
			done <- struct{}{}
		}()
	}
	for range 8 {
		<-done
	}
	for i := range 8 {
		for n := range 50 {
			record.Wait(journaltest.Entry{"MESSAGE": fmt.Sprintf("x worker=%d task=%d", i, n), "DISPATCHERD_WORKER": fmt.Sprint(i), "DISPATCHERD_TASK": fmt.Sprint(n)})
		}
	}
}
