package history

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"dispatcherd/daemon/dispatch"
)

// The ring is the last ends of all that were ever recorded, whatever their uuids.
func TestRingIsTheTailOfAllThatEnded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(0, 9).Draw(t, "size")
		uuid := rapid.SampledFrom([]string{"a", "b", "c", strings.Repeat("long", 200) + "1", strings.Repeat("long", 200) + "2"})
		outcome := rapid.SampledFrom(dispatch.Outcomes)
		r := New(Config{Size: size})
		var all []dispatch.Ended // the last one first
		for n := range rapid.IntRange(0, 40).Draw(t, "tasks") {
			e := dispatch.Ended{Seq: uint64(n), UUID: uuid.Draw(t, "uuid"), Task: uuid.Draw(t, "task"), Outcome: outcome.Draw(t, "outcome"), RunTime: time.Duration(n)}
			given := e
			given.Result = []byte("[1]")
			r.Record(&given)
			e.UUID, e.Task = clip(e.UUID, longestLabel), clip(e.Task, longestLabel)
			all = append([]dispatch.Ended{e}, all...)
		}
		all = all[:min(size, len(all))]
		pick := func(limit int, selects func(dispatch.Ended) bool) (picked []dispatch.Ended) {
			for _, e := range all {
				if selects(e) && len(picked) < limit {
					picked = append(picked, e)
				}
			}
			return picked
		}
		wanted := uuid.Draw(t, "wanted")
		same := func(text string) bool { return text == clip(wanted, longestLabel) }
		if diff := cmp.Diff(pick(len(all), func(e dispatch.Ended) bool { return same(e.UUID) }), r.Find(wanted)); diff != "" {
			t.Errorf("Find(%q): -want +got\n%s", wanted, diff)
		}
		limit, f := rapid.IntRange(0, 12).Draw(t, "limit"), Filter{}
		if rapid.Bool().Draw(t, "by outcome") {
			f.Outcome = outcome.Draw(t, "outcome")
		}
		if rapid.Bool().Draw(t, "by task") {
			f.Task = wanted
		}
		want := pick(limit, func(e dispatch.Ended) bool {
			return (f.Outcome == "" || e.Outcome == f.Outcome) && (f.Task == "" || same(e.Task))
		})
		if diff := cmp.Diff(want, r.Last(limit, f)); diff != "" {
			t.Errorf("Last(%d, %+v): -want +got\n%s", limit, f, diff)
		}
	})
}

func TestRingIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	r := New(Config{Size: 2})
	long := strings.Repeat("\u00e9", 1<<20)
	r.Record(&dispatch.Ended{UUID: long, Task: long, Detail: long})
	got := r.Find(long)
	if len(got) != 1 || len(got[0].UUID) != longestLabel || len(got[0].Task) != longestLabel || len(got[0].Detail) != longestDetail {
		t.Fatalf("%d ends are found, want one whose texts are cut", len(got))
	}
	r.Record(&dispatch.Ended{UUID: "x" + long}) // is cut within a character
	if got := r.Last(1, Filter{}); got[0].UUID != "x"+strings.Repeat("\u00e9", longestLabel/2-1) {
		t.Errorf("the uuid is cut to %q", got[0].UUID)
	}
}

func TestEndsAreRecordedWithoutMemoryOfTheirOwn(t *testing.T) {
	r := New(Config{Size: 100})
	e := &dispatch.Ended{UUID: "4a3dbc49-d090-4b5c-8588-0d5dec630001", Task: "app.tasks.mail", Detail: "ValueError: boom", Result: []byte("5")}
	for range 100 {
		r.Record(e)
	}
	if n := testing.AllocsPerRun(1000, func() { r.Record(e) }); n != 0 {
		t.Errorf("Record allocates %v times", n)
	}
}

func TestSizeIsChecked(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]string{
		0: "", 1000: "", largest: "",
		-1:          "history.size: must be 0 to 1000000, got -1",
		largest + 1: "history.size: must be 0 to 1000000, got 1000001",
	} {
		if got := fmt.Sprint(Config{Size: size}.Validate()); got != want && !(want == "" && got == "<nil>") {
			t.Errorf("size %d: %s, want %q", size, got, want)
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	r := New(DefaultConfig())
	e := &dispatch.Ended{UUID: "4a3dbc49-d090-4b5c-8588-0d5dec630001", Task: "app.tasks.mail"}
	b.ReportAllocs()
	for b.Loop() {
		r.Record(e)
	}
}
