package control

import (
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
)

func newLines(r io.Reader, longest int, pending *atomic.Int64, budget int64) *lineReader {
	return &lineReader{r: r, max: longest, pending: pending, budget: budget}
}

func TestLinesAreCutWhereverTheReadsEnd(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 5000)
	tests := []struct {
		name, stream string
		want         []string
	}{
		{"nothing", "", []string{""}},
		{"one", "a\n", []string{"a", ""}},
		{"without end", "a\nb", []string{"a", "b"}},
		{"blank", "\n\n", []string{"", "", ""}},
		{"long and short", long + "\nb\n" + long + "\n" + long + "\nc", []string{long, "b", long, long, "c"}},
		{"longest", strings.Repeat("y", 6000) + "\n", []string{strings.Repeat("y", 6000), ""}},
		{"many", strings.Repeat("ab\n", 2000), append(slices.Repeat([]string{"ab"}, 2000), "")},
	}
	readers := map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "half": iotest.HalfReader, "bytes": iotest.OneByteReader, "data and error": iotest.DataErrReader,
	}
	for _, tt := range tests {
		for name, reader := range readers {
			t.Run(tt.name+" in "+name, func(t *testing.T) {
				t.Parallel()
				var pending atomic.Int64
				l := newLines(reader(strings.NewReader(tt.stream)), 6000, &pending, 1<<20)
				var got []string
				for {
					line, err := l.next()
					got = append(got, string(line))
					if err != nil {
						if err != io.EOF {
							t.Fatalf("next = %v, want EOF", err)
						}
						break
					}
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("lines = %d (%.80q), want %d (%.80q)", len(got), got, len(tt.want), tt.want)
				}
				if l.close(); pending.Load() != 0 {
					t.Errorf("pending = %d after close, want 0", pending.Load())
				}
			})
		}
	}
}

func TestEndlessLineIsGivenUpAtTheLimit(t *testing.T) {
	t.Parallel()
	for _, longest := range []int{1, 511, 512, 513, 100_000} {
		var pending atomic.Int64
		source := &counted{}
		l := newLines(source, longest, &pending, 1<<20)
		line, err := l.next()
		if !errors.Is(err, errLineTooLong) {
			t.Errorf("limit %d: next = %d bytes, %v, want errLineTooLong", longest, len(line), err)
		}
		if most := longest + 2; cap(l.buf) > most || source.n > most {
			t.Errorf("limit %d: buffer of %d bytes after reading %d, want at most %d", longest, cap(l.buf), source.n, most)
		}
	}
}

// counted is a line without an end.
type counted struct{ n int }

func (c *counted) Read(p []byte) (int, error) {
	c.n += len(p)
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestUnfinishedLinesShareABudget(t *testing.T) {
	t.Parallel()
	var pending atomic.Int64
	text := strings.Repeat("x", 60_000)
	first := newLines(strings.NewReader(text+"\nb\n"), 1<<20, &pending, 100_000)
	if line, err := first.next(); err != nil || string(line) != text {
		t.Fatalf("first line = %d bytes, %v", len(line), err)
	}
	second := newLines(strings.NewReader(text), 1<<20, &pending, 100_000)
	if line, err := second.next(); !errors.Is(err, errNoRoom) {
		t.Fatalf("second reader: next = %d bytes, %v, want errNoRoom", len(line), err)
	}
	second.close()
	first.next()
	first.next() // the large buffer is not needed any more
	if pending.Load() != 0 {
		t.Errorf("pending = %d, want 0", pending.Load())
	}
	third := newLines(strings.NewReader(text), 1<<20, &pending, 100_000)
	if line, err := third.next(); string(line) != text || err != io.EOF {
		t.Errorf("third reader: next = %d bytes, %v, want %d and EOF", len(line), err, len(text))
	}
	third.close()
}
