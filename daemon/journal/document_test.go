package journal

import (
	"bytes"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// document is docs/logging.md from a heading to the next.
func document(t *testing.T, heading string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/logging.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("docs/logging.md has no heading %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	return section
}

// fieldsOfEntries are the names that an entry may have.
func fieldsOfEntries() []string {
	return slices.Sorted(slices.Values(append(slices.Collect(maps.Values(fieldNames)), "MESSAGE_ID", "PRIORITY", "SYSLOG_IDENTIFIER")))
}

func TestDocumentHasEveryField(t *testing.T) {
	t.Parallel()
	var got []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\|").FindAllStringSubmatch(document(t, "Fields"), -1) {
		got = append(got, m[1])
	}
	slices.Sort(got)
	if diff := cmp.Diff(fieldsOfEntries(), got); diff != "" {
		t.Errorf("fields (-written +documented):\n%s", diff)
	}
}

func TestDocumentSearchesForFieldsThatThereAre(t *testing.T) {
	t.Parallel()
	searches := regexp.MustCompile(`journalctl .*`).FindAllString(document(t, "Searches")+document(t, "Events"), -1)
	if len(searches) < 6 {
		t.Fatalf("only %d searches were found", len(searches))
	}
	for _, search := range searches {
		for _, m := range regexp.MustCompile(`([A-Z_]{3,})=`).FindAllStringSubmatch(search, -1) {
			if !slices.Contains(fieldsOfEntries(), m[1]) {
				t.Errorf("%s: no entry has %s", search, m[1])
			}
		}
	}
}

func TestDocumentHasEveryEvent(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| `([0-9a-f]{32})` \\|").FindAllStringSubmatch(document(t, "Events"), -1) {
		got[m[1]] = m[2]
	}
	if diff := cmp.Diff(Events, got); diff != "" {
		t.Errorf("events (-written +documented):\n%s", diff)
	}
}

func TestDocumentShowsTheFormatsAsTheyAre(t *testing.T) {
	t.Parallel()
	text := document(t, "Where it goes")
	if got := strings.Join(slices.Concat(regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllString(text, -1)), ""); strings.Count(got, "|") != 10 {
		t.Errorf("the document has the formats %s", got)
	}
	blocks := regexp.MustCompile("(?ms)^```(?:text|json)\n(.*?)^```$").FindAllStringSubmatch(text, -1)
	if len(blocks) != 3 {
		t.Fatalf("the document has %d samples", len(blocks))
	}
	for i, format := range []string{Text, Logfmt, JSON} {
		if got := sample(t, format); got != blocks[i][1] {
			t.Errorf("%s is\n%sthe document has\n%s", format, got, blocks[i][1])
		}
	}
}

// sample is the document's line in a format.
func sample(t *testing.T, format string) string {
	t.Helper()
	var out bytes.Buffer
	handler, err := New(format, &out, slog.LevelInfo)
	if err != nil {
		t.Fatal(err)
	}
	record := slog.NewRecord(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), slog.LevelInfo, "hello, Ada!", 0)
	record.Add("worker", 0, "stream", "stdout", "uuid", "u-1", "task", "shop.tasks.greet")
	if err := handler.WithAttrs([]slog.Attr{slog.String("part", "worker")}).Handle(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
