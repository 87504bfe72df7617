package supervisor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Note is what a daemon writes down about the task that a worker runs, in a file in
// memory that the supervisor keeps: the daemon after it, however this one has ended,
// reads there what is running. Nobody else writes to it.
type Note struct {
	// Seq is the task's number in the frames of this worker.
	Seq        uint64
	Began      time.Time
	UUID, Task string
	// Message is the whole message; nil when it was too long to be kept.
	Message []byte
}

const (
	// noteHead is, little endian: u32 1 while the task runs, u32 lengths of uuid, task
	// and message, u64 seq, i64 when it began in ns of Unix time. The three texts follow.
	noteHead = 32
	// maxNote bounds a note: it stays in memory as long as the worker is there.
	maxNote = 64 << 10
	// maxNoteLabel bounds uuid and task in it.
	maxNoteLabel = 4 << 10
)

// Notebook is where the notes about one worker go. One goroutine at a time uses it.
type Notebook struct {
	file *os.File
	buf  []byte
}

// NewNotebook returns the notebook in a worker's file.
func NewNotebook(file *os.File) *Notebook { return &Notebook{file: file} }

// newNote makes the file.
func newNote() (*os.File, error) {
	fd, err := unix.MemfdCreate("dispatcherd-note", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a file in memory: %w", err)
	}
	return os.NewFile(uintptr(fd), "note"), nil
}

// Begin writes down that the worker is given a task. It must come before the task does.
func (b *Notebook) Begin(n Note) error {
	uuid, task, message := cut(n.UUID), cut(n.Task), n.Message
	if noteHead+len(uuid)+len(task)+len(message) > maxNote {
		message = nil
	}
	b.buf = binary.LittleEndian.AppendUint32(b.buf[:0], 1)
	for _, length := range []int{len(uuid), len(task), len(message)} {
		b.buf = binary.LittleEndian.AppendUint32(b.buf, uint32(length))
	}
	b.buf = binary.LittleEndian.AppendUint64(b.buf, n.Seq)
	b.buf = binary.LittleEndian.AppendUint64(b.buf, uint64(n.Began.UnixNano()))
	b.buf = append(append(append(b.buf, uuid...), task...), message...)
	return b.write(b.buf)
}

func cut(label string) string { return label[:min(len(label), maxNoteLabel)] }

// End writes down that the worker's task has ended.
func (b *Notebook) End() error { return b.write([]byte{0, 0, 0, 0}) }

func (b *Notebook) write(text []byte) error {
	if _, err := b.file.WriteAt(text, 0); err != nil {
		return fmt.Errorf("write down what a worker runs: %w", err)
	}
	return nil
}

// Read returns the note; running is false when the worker runs nothing.
func (b *Notebook) Read() (n Note, running bool, err error) {
	text := make([]byte, maxNote)
	size, err := b.file.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return Note{}, false, fmt.Errorf("read what a worker runs: %w", err)
	}
	text = text[:size]
	if size < noteHead || binary.LittleEndian.Uint32(text) != 1 {
		return Note{}, false, nil
	}
	n = Note{Seq: binary.LittleEndian.Uint64(text[16:]), Began: time.Unix(0, int64(binary.LittleEndian.Uint64(text[24:])))}
	rest := text[noteHead:]
	var parts [3][]byte
	for i := range parts {
		length := binary.LittleEndian.Uint32(text[4+4*i:])
		if uint64(length) > uint64(len(rest)) {
			return Note{}, false, errors.New("what was written down about a worker's task is cut short")
		}
		parts[i], rest = rest[:length], rest[length:]
	}
	n.UUID, n.Task = string(parts[0]), string(parts[1])
	if len(parts[2]) > 0 {
		n.Message = parts[2]
	}
	return n, true, nil
}
