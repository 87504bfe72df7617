package supervisor

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// book is a notebook and its file.
type book struct {
	*Notebook
	file *os.File
}

func newBook(t testing.TB) book {
	t.Helper()
	file, err := newNote()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	b, err := OpenNotebook(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return book{b, file}
}

func (b book) read(t *testing.T) (Note, bool) {
	t.Helper()
	n, running, err := ReadNote(b.file)
	if err != nil {
		t.Fatal(err)
	}
	return n, running
}

func TestNoteIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	if n, running := b.read(t); running {
		t.Errorf("an empty notebook says that %+v runs", n)
	}
	long := Note{Seq: 1 << 60, Began: time.Unix(1700000000, 5), UUID: "first", Task: "app.long", Message: bytes.Repeat([]byte("m"), 1000)}
	short := Note{Seq: 2, Began: time.Unix(1700000001, 0), UUID: "é", Task: "t", Message: []byte("{}")}
	for _, want := range []Note{long, short, {Began: time.Unix(0, 0)}} {
		b.Begin(want)
		got, running := b.read(t)
		if !running {
			t.Errorf("%q does not run", want.UUID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the note differs (-want +got):\n%s", diff)
		}
		b.End()
		if _, running := b.read(t); running {
			t.Errorf("%q runs after its end", want.UUID)
		}
	}
}

func TestLongMessageLeavesItsLabels(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	for _, extra := range []int{0, 1} {
		n := Note{Seq: 3, Began: time.Unix(1, 0), UUID: "u", Task: "t", Message: make([]byte, maxNote-noteHead-2+extra)}
		b.Begin(n)
		got, running := b.read(t)
		if !running || got.UUID != "u" || (got.Message == nil) != (extra == 1) {
			t.Errorf("%d bytes: running %v, uuid %q, %d bytes of message", len(n.Message), running, got.UUID, len(got.Message))
		}
	}
	label := strings.Repeat("x", 1<<20)
	b.Begin(Note{UUID: label, Task: label, Message: []byte("{}")})
	if got, _ := b.read(t); got.UUID != label[:maxNoteLabel] || string(got.Message) != "{}" {
		t.Errorf("a long label is kept with %d bytes", len(got.UUID))
	}
}

func TestGarbledNoteIsAnError(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	for i := range b.mem[:100] {
		b.mem[i] = 0xff
	}
	b.mem.mark(1)
	if n, running, err := ReadNote(b.file); err == nil || running {
		t.Errorf("ReadNote() = %+v, %v, %v, want an error", n, running, err)
	}
}

func TestNoteAfterTheCloseGoesNowhere(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	b.Begin(Note{UUID: "kept"})
	b.Close()
	b.Begin(Note{UUID: "late"})
	b.End()
	b.Close()
	if n, running := b.read(t); !running || n.UUID != "kept" {
		t.Errorf("the note is %+v, running %v", n, running)
	}
}

func TestFileOfAnotherSizeIsNoNotebook(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	if err := b.file.Truncate(0); err == nil {
		t.Error("the file could be cut short")
	}
	plain, err := os.Create(t.TempDir() + "/plain")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if _, err := OpenNotebook(plain); err == nil {
		t.Error("a file that can be cut short is taken for a notebook")
	}
	var none *os.File
	if _, err := OpenNotebook(none); err == nil {
		t.Error("no file is taken for a notebook")
	}
}

func BenchmarkNote(b *testing.B) {
	n := Note{Seq: 1, Began: time.Now(), UUID: "dd76b314-76b2-47eb-a81a-7f14af4ada35", Task: "shop.tasks.greet", Message: make([]byte, 300)}
	book := newBook(b)
	for b.Loop() {
		book.Begin(n)
		book.End()
	}
}
