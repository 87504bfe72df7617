package journal

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// logged is the line that the log gets.
func logged(t *testing.T, message string, attrs ...any) string {
	t.Helper()
	var out bytes.Buffer
	handler, err := New(Logfmt, &out, slog.LevelInfo)
	if err != nil {
		t.Fatal(err)
	}
	slog.New(handler).Info(message, attrs...)
	_, line, _ := strings.Cut(out.String(), " msg=")
	return strings.TrimSuffix(line, "\n")
}

func TestLongLabelsAreCutInTheLog(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 150) + "end" // 303 bytes
	short := strings.Repeat("é", 100) + "…"
	for _, key := range labels {
		if got, want := logged(t, "x", key, long), "x "+key+"="+short; got != want {
			t.Errorf("%s is logged as %s, want %s", key, got, want)
		}
	}
	if got, want := logged(t, "x", slog.Group("queued", "uuids", []string{"a", long})), `x queued.uuids="[a `+short+`]"`; got != want {
		t.Errorf("a list is logged as %s, want %s", got, want)
	}
	// One byte further on the limit is in the middle of a character.
	if got, want := logged(t, "x", "uuid", "a"+long), "x uuid=a"+strings.Repeat("é", 99)+"…"; got != want {
		t.Errorf("a label is logged as %s, want %s", got, want)
	}
}

func TestOtherValuesAreCutLater(t *testing.T) {
	t.Parallel()
	whole, long := strings.Repeat("x", longestValue), strings.Repeat("x", longestValue+1)
	for _, tt := range []struct {
		value any
		want  string
	}{
		{whole, whole}, {long, whole + "…"}, {errors.New(long), whole + "…"}, {errors.New("short"), "short"}, {7, "7"},
	} {
		if got := logged(t, "x", "err", tt.value); got != "x err="+tt.want {
			t.Errorf("%.20v is logged as %.20s… of %d bytes, want %d", tt.value, got, len(got), len(tt.want)+len("x err="))
		}
	}
}

func TestMessagesAreLoggedWhole(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 2*longestValue)
	if got := logged(t, long); got != long {
		t.Errorf("a message of %d bytes is logged with %d", len(long), len(got))
	}
}
