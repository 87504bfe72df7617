package journal

import (
	"strings"
	"testing"
	"time"
)

// native is the output of the rig's log.
func (r *rig) native() *native { return r.Handler().(*Handler).shared.out.(*native) }

// waitOver ends the wait before the journal is tried again.
func (r *rig) waitOver() { r.native().retry = time.Now() }

func TestAbsentJournalIsOneLineAndTheLogGoesOn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.journal.Close()
	for _, text := range []string{"one", "two", "three"} {
		r.Info(text, "uuid", "u-1")
		r.waitOver()
	}
	lines := strings.Split(strings.TrimSuffix(r.stderr.String(), "\n"), "\n")
	if len(lines) != 4 || !strings.Contains(lines[0], "the journal takes no entries") || !strings.Contains(lines[0], r.journal.Path) {
		t.Fatalf("standard error has %q, want one line about the journal and three others", lines)
	}
	for i, text := range []string{"one", "two", "three"} {
		if !strings.HasSuffix(lines[i+1], " INFO  "+text+"  uuid=u-1") {
			t.Errorf("line %d is %q, want %s", i+1, lines[i+1], text)
		}
	}
	r.journal.Open()
	r.Info("four")
	if e := r.journal.Next(); e["MESSAGE"] != "four" {
		t.Errorf("entry %v, want four", e)
	}
	if e := r.journal.Next(); !strings.HasSuffix(e["MESSAGE"], "count=3") || e["DISPATCHERD_PART"] != "journal" {
		t.Errorf("entry %v, want that three lines are elsewhere", e)
	}
	r.Info("five")
	if e := r.journal.Next(); e["MESSAGE"] != "five" {
		t.Errorf("entry %v, want five", e)
	}
}

func TestRestartedJournalLosesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Info("one")
	r.journal.Next()
	r.journal.Close()
	r.journal.Open()
	r.Info("two")
	if e := r.journal.Next(); e["MESSAGE"] != "two" || r.stderr.Len() > 0 {
		t.Errorf("entry %v and on standard error %q, want two and nothing", e, &r.stderr)
	}
}

// fill writes until the journal, which nobody reads, has no more room; it returns how
// many entries it holds.
func (r *rig) fill(t *testing.T) int {
	t.Helper()
	for n := 0; n < 100_000; n++ {
		if r.Info("filling"); r.stderr.Len() > 0 {
			return n
		}
	}
	t.Fatal("the journal takes entries without end")
	return 0
}

func TestStuckJournalHoldsNobodyForLong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	held := r.fill(t)
	began := time.Now()
	for range 1000 {
		r.Info("elsewhere")
	}
	if took := time.Since(began); took > 3*sendBound {
		t.Errorf("a thousand lines took %v while the journal was stuck", took)
	}
	if n := strings.Count(r.stderr.String(), "the journal takes no entries"); n != 1 {
		t.Errorf("standard error says %d times that the journal takes nothing", n)
	}
	for range held {
		r.journal.Next()
	}
	r.waitOver()
	r.Info("back")
	if e := r.journal.Next(); e["MESSAGE"] != "back" {
		t.Errorf("entry %v, want back", e)
	}
}

func TestBusyJournalIsWaitedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.fill(t)
	r.stderr.Reset()
	n := r.native()
	n.diverted = 0
	written := make(chan struct{})
	go func() {
		r.Info("patient")
		close(written)
	}()
	for r.journal.Next()["MESSAGE"] != "patient" {
		continue
	}
	<-written
	if r.stderr.Len() > 0 {
		t.Errorf("standard error has %q, want nothing", &r.stderr)
	}
}
