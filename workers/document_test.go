package workers

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func readPoolDocument(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/pool.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDocumentShowsEveryState(t *testing.T) {
	t.Parallel()
	drawn := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^    ([a-z]+) --> ([a-z]+):`).FindAllStringSubmatch(readPoolDocument(t), -1) {
		drawn[m[1]], drawn[m[2]] = true, true
	}
	var states []string
	for _, s := range []State{Starting, Ready, Busy, Stopping, Retired, Errored} {
		states = append(states, string(s))
	}
	slices.Sort(states)
	if diff := cmp.Diff(states, slices.Sorted(maps.Keys(drawn))); diff != "" {
		t.Errorf("states of the diagram in docs/pool.md (-want +got):\n%s", diff)
	}
}

func TestDocumentTellsTheBounds(t *testing.T) {
	t.Parallel()
	var told []time.Duration
	for _, m := range regexp.MustCompile(`(?m)^\| the (?:start|end) of .* \| ([0-9a-z]+) \|$`).FindAllStringSubmatch(readPoolDocument(t), -1) {
		d, err := time.ParseDuration(m[1])
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, d)
	}
	if diff := cmp.Diff([]time.Duration{startBound, leaveBound, killBound}, told); diff != "" {
		t.Errorf("bounds in docs/pool.md (-want +got):\n%s", diff)
	}
	waits := regexp.MustCompile(`waits: (\d+) ms, doubled each time, (\d+) s at most`).FindStringSubmatch(readPoolDocument(t))
	if waits == nil || waits[1]+"ms" != firstRetry.String() || waits[2]+"s" != lastRetry.String() {
		t.Errorf("docs/pool.md tells the waits %v, want %v and %v", waits, firstRetry, lastRetry)
	}
}
