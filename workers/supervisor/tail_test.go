package supervisor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestTailKeepsTheEndOfWhatWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var tl tail
		var all strings.Builder
		for range rapid.IntRange(0, 6).Draw(t, "writes") {
			part := strings.Repeat(rapid.StringN(1, 4, -1).Draw(t, "part"), rapid.IntRange(0, 40_000).Draw(t, "times"))
			all.WriteString(part)
			if n, err := tl.Write([]byte(part)); n != len(part) || err != nil {
				t.Fatalf("Write of %d bytes = %d, %v", len(part), n, err)
			}
		}
		want := all.String()
		want = want[max(0, len(want)-tailSize):]
		if got := tl.text(); got != want {
			t.Fatalf("kept %d bytes, want the last %d", len(got), len(want))
		}
	})
}

func TestTailIsLoggedInBoundedLines(t *testing.T) {
	t.Parallel()
	var tl tail
	if lines := tl.lines(); lines != nil {
		t.Errorf("lines of nothing: %q", lines)
	}
	for i := range 30 {
		fmt.Fprintf(&tl, "line %d\n", i)
	}
	fmt.Fprintf(&tl, "%s\n\xff\n\n", strings.Repeat("é", tailLineSize))
	lines := tl.lines()
	if len(lines) != tailLines || lines[0] != "line 12" {
		t.Errorf("%d lines from %q, want %d from line 12", len(lines), lines[0], tailLines)
	}
	if last := lines[len(lines)-2:]; len(last[0]) > tailLineSize+8 || !slices.Equal(last[1:], []string{"\ufffd"}) {
		t.Errorf("the last lines are %q", last)
	}
	for _, line := range lines {
		if !utf8.ValidString(line) {
			t.Errorf("%q is no text", line)
		}
	}
}
