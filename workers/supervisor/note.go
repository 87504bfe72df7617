package supervisor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

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
	// noteHead is, little endian: u32 1 while the task runs (in the machine's order, and
	// written last), u32 lengths of uuid, task and message, u64 seq, i64 when it began in
	// ns of Unix time. The three texts follow.
	noteHead = 32
	// maxNote is the size of the file and bounds a note; only what is used takes memory.
	maxNote = 64 << 10
	// maxNoteLabel bounds uuid and task in it.
	maxNoteLabel = 4 << 10
)

// newNote makes the file.
func newNote() (*os.File, error) { return newMemory("note", maxNote) }

// newMemory makes a file in memory. Its size is final, so that a daemon which has it in its
// memory is never hit by SIGBUS, whoever else has the file.
func newMemory(name string, size int64) (*os.File, error) {
	fd, err := unix.MemfdCreate("dispatcherd-"+name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("make a file in memory: %w", err)
	}
	file := os.NewFile(uintptr(fd), name)
	if err = file.Truncate(size); err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, finalSize)
	}
	if err != nil {
		_ = file.Close() // err is what counts
		return nil, fmt.Errorf("make a file in memory: %w", err)
	}
	return file, nil
}

// finalSize are the seals of a file whose size stays what it is (fcntl(2)).
const finalSize = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// Notebook is where a daemon writes the notes about one worker. It is memory: a note costs
// no system call, and what was written stays when the daemon is killed.
type Notebook struct {
	mu  sync.Mutex // guards mem
	mem slot       // nil once it is closed
}

// slot is memory for one note.
type slot []byte

// write puts n down, and says whether it had room: labels are cut to fit, a message is not.
func (s slot) write(n Note) bool {
	uuid, task := cut(n.UUID), cut(n.Task)
	if noteHead+len(uuid)+len(task)+len(n.Message) > len(s) {
		return false
	}
	s.mark(0)
	text := s[4:4]
	for _, length := range []int{len(uuid), len(task), len(n.Message)} {
		text = binary.LittleEndian.AppendUint32(text, uint32(length))
	}
	text = binary.LittleEndian.AppendUint64(text, n.Seq)
	text = binary.LittleEndian.AppendUint64(text, uint64(n.Began.UnixNano()))
	_ = append(append(append(text, uuid...), task...), n.Message...)
	s.mark(1)
	return true
}

// mark says whether the note counts. It comes after the rest for whoever reads.
func (s slot) mark(counts uint32) {
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&s[0])), counts)
}

// read returns the note; ok is false when there is none that counts.
func (s slot) read() (n Note, ok bool, err error) {
	if len(s) < noteHead || binary.NativeEndian.Uint32(s) != 1 {
		return Note{}, false, nil
	}
	n = Note{Seq: binary.LittleEndian.Uint64(s[16:]), Began: time.Unix(0, int64(binary.LittleEndian.Uint64(s[24:])))}
	rest := s[noteHead:]
	var parts [3][]byte
	for i := range parts {
		length := binary.LittleEndian.Uint32(s[4+4*i:])
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

// OpenNotebook returns the notebook in a worker's file, which is the caller's to close.
func OpenNotebook(file *os.File) (*Notebook, error) {
	mem, err := mapMemory(file, maxNote)
	if err != nil {
		return nil, fmt.Errorf("open the file for notes about a worker: %w", err)
	}
	return &Notebook{mem: mem}, nil
}

// mapMemory returns the memory of a file that newMemory has made.
func mapMemory(file *os.File, size int64) ([]byte, error) {
	fd := rawFD(file)
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err == nil && seals&finalSize != finalSize {
		err = errors.New("its size is not final")
	}
	var stat unix.Stat_t
	if err == nil {
		err = unix.Fstat(fd, &stat)
	}
	if err == nil && stat.Size != size {
		err = fmt.Errorf("it has %d bytes, not %d", stat.Size, size)
	}
	if err != nil {
		return nil, err
	}
	return unix.Mmap(fd, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// Begin writes down that the worker is given a task. It must come before the task does.
func (b *Notebook) Begin(n Note) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mem == nil {
		return
	}
	if !b.mem.write(n) {
		n.Message = nil
		b.mem.write(n)
	}
}

func cut(label string) string { return label[:min(len(label), maxNoteLabel)] }

// End writes down that the worker's task has ended.
func (b *Notebook) End() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mem != nil {
		b.mem.mark(0)
	}
}

// Close gives the memory back; what is written later goes nowhere.
func (b *Notebook) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mem != nil {
		_ = unix.Munmap(b.mem) // it is mapped
		b.mem = nil
	}
}

// noted says whether a worker runs a task, by its file.
func noted(file *os.File) (running bool, err error) {
	mark := make([]byte, 4)
	if _, err := file.ReadAt(mark, 0); err != nil {
		return false, fmt.Errorf("read what a worker runs: %w", err)
	}
	return binary.NativeEndian.Uint32(mark) == 1, nil
}

// ReadNote returns the note in a worker's file; running is false when it runs nothing.
func ReadNote(file *os.File) (n Note, running bool, err error) {
	text := make([]byte, maxNote)
	size, err := file.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return Note{}, false, fmt.Errorf("read what a worker runs: %w", err)
	}
	return slot(text[:size]).read()
}
