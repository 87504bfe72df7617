package supervisor

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// MaxAhead is how many tasks a lane holds: as many packets as a pipe does (pipe(7)).
	MaxAhead = 16
	// MaxLanePacket is the longest frame, in bytes, that goes into a lane: the kernel would cut a
	// longer one into several packets.
	MaxLanePacket = 4096
	// laneSlot is what a note in a lane's file may take.
	laneSlot = 8 << 10
)

// The files of a lane.
const (
	laneRead = iota
	laneWrite
	laneNotes
	laneFiles
)

// Lane is the way on which a worker is handed tasks ahead of its need: a pipe in packet mode
// (O_DIRECT, see pipe(2)), of which the daemon has both ends. A task in it is got by exactly one
// of the two: by the worker, which begins it, or by the daemon, which takes it back. Whoever
// comes after a daemon reads from notes what was put into it.
//
// A worker looks into its lane only between the end of a task and the word that it has ended,
// which says whether it has found another one.
type Lane struct {
	mu          sync.Mutex // guards the fields below
	read, write int        // -1 once it is closed
	mem         []byte
	seqs        [MaxAhead]uint64 // whose note is in which place; 0: nobody's
	last        time.Time        // of the newest note
	packet      [MaxLanePacket]byte
}

// newLane makes the files of a lane: read end, write end, notes.
func newLane() ([]*os.File, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_DIRECT); err != nil {
		return nil, fmt.Errorf("make lane: %w", err)
	}
	// Their mode is changed behind the back of these files, lest the poller wakes at each packet.
	files := []*os.File{os.NewFile(uintptr(fds[0]), "lane"), os.NewFile(uintptr(fds[1]), "lane")}
	notes, err := newMemory("lane", MaxAhead*laneSlot)
	err = errors.Join(err, unix.SetNonblock(fds[0], true), unix.SetNonblock(fds[1], true))
	if err != nil {
		closeAll(files)
		return nil, err
	}
	return append(files, notes), nil
}

// openLane returns the lane of these files, which it closes.
func openLane(files []*os.File) (*Lane, error) {
	defer closeAll(files)
	mem, err := mapMemory(files[laneNotes], MaxAhead*laneSlot)
	if err != nil {
		return nil, fmt.Errorf("open lane: %w", err)
	}
	l := &Lane{read: -1, write: -1, mem: mem}
	// Bare numbers: a file would be given to the poller, which has nothing to wait for here.
	if l.read, err = unix.FcntlInt(uintptr(rawFD(files[laneRead])), unix.F_DUPFD_CLOEXEC, 0); err == nil {
		l.write, err = unix.FcntlInt(uintptr(rawFD(files[laneWrite])), unix.F_DUPFD_CLOEXEC, 0)
	}
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("open lane: %w", err)
	}
	for i := range l.seqs {
		if n, ok, _ := l.slot(i).read(); ok { // a note that cannot be read is nobody's
			l.seqs[i], l.last = n.Seq, later(l.last, n.Began)
		}
	}
	return l, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (l *Lane) slot(i int) slot { return l.mem[i*laneSlot : (i+1)*laneSlot] }

// Put hands a task ahead, as a frame, and writes down that it did. It does not wait: ok is false
// when there is no room.
func (l *Lane) Put(n Note, frame []byte) (ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.seqs[:], 0)
	if l.write < 0 || i < 0 || len(frame) > MaxLanePacket {
		return false
	}
	l.last = later(l.last.Add(1), time.Now()) // notes are put in order by their times
	n.Began = l.last
	if !l.slot(i).write(n) {
		return false
	}
	if _, err := unix.Write(l.write, frame); err != nil {
		l.slot(i).mark(0)
		return false
	}
	l.seqs[i] = n.Seq
	return true
}

// TakeBack returns the numbers of the tasks that the worker has not got, oldest first. It will
// not get them. While they are read it may get one that is in the middle.
func (l *Lane) TakeBack() []uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var seqs []uint64
	for l.read >= 0 && len(seqs) < MaxAhead {
		n, err := unix.Read(l.read, l.packet[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n < 16 {
			break
		}
		seq := binary.LittleEndian.Uint64(l.packet[8:])
		seqs = append(seqs, seq)
		l.endLocked(seq)
	}
	return seqs
}

// End writes down that a task of the lane has ended; of any other it does nothing.
func (l *Lane) End(seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endLocked(seq)
}

func (l *Lane) endLocked(seq uint64) {
	if i := slices.Index(l.seqs[:], seq); i >= 0 && l.mem != nil {
		l.slot(i).mark(0)
		l.seqs[i] = 0
	}
}

// Notes are those of tasks that were put, and neither taken back nor said to have ended, in the
// order in which they were put.
func (l *Lane) Notes() (notes []Note) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.seqs {
		if l.mem == nil {
			break
		}
		if n, ok, err := l.slot(i).read(); ok && err == nil {
			n.Message = slices.Clone(n.Message)
			notes = append(notes, n)
		}
	}
	slices.SortFunc(notes, func(a, b Note) int { return cmp.Compare(a.Began.UnixNano(), b.Began.UnixNano()) })
	return notes
}

// firstInLane returns the oldest note in a lane's file; ok is false when there is none.
func firstInLane(file *os.File) (first Note, ok bool, err error) {
	text := make(slot, laneSlot)
	for i := range MaxAhead {
		if _, err := file.ReadAt(text, int64(i*laneSlot)); err != nil {
			return Note{}, false, fmt.Errorf("read what a worker was handed ahead: %w", err)
		}
		n, counts, err := text.read()
		if err == nil && counts && (!ok || n.Began.Before(first.Began)) {
			first, ok = n, true
		}
	}
	return first, ok, nil
}

// Close gives the lane up. What is in it is the worker's, or the next daemon's.
func (l *Lane) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mem == nil {
		return
	}
	for _, fd := range []int{l.read, l.write} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	_ = unix.Munmap(l.mem) // it is mapped
	l.read, l.write, l.mem = -1, -1, nil
}

// NewLane returns a lane of its own, and the descriptor from which a worker reads; for tests.
func NewLane() (l *Lane, worker int, err error) {
	files, err := newLane()
	if err != nil {
		return nil, -1, err
	}
	if worker, err = unix.FcntlInt(uintptr(rawFD(files[laneRead])), unix.F_DUPFD_CLOEXEC, 0); err != nil {
		closeAll(files)
		return nil, -1, err
	}
	l, err = openLane(files)
	return l, worker, err
}
