package supervisor

import (
	"encoding/binary"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// worker is a process that was launched and has not ended.
type worker struct {
	process
	id         int
	generation int
	cage       cage
	ends       ends
	ended      <-chan Exit
	limits     restraint

	output    tail
	absorbing sync.WaitGroup
	ledger    ledger
	stage     stage  // guarded by Supervisor.mu
	killedBy  string // guarded by Supervisor.mu; who has ordered it, "" before that
}

// ends are one side of a worker's descriptors. The supervisor keeps a duplicate of the
// daemon's, so that the worker meets no EOF and no EPIPE because a daemon ended.
type ends struct {
	socket, stdout, stderr *os.File
	note                   *os.File   // see Note; the worker has none
	lane                   []*os.File // see Lane: both ends and its notes, of the worker's the read end; nil for none
}

// files are what is passed on, in this order.
func (e ends) files() []*os.File {
	files := []*os.File{e.socket, e.stdout, e.stderr}
	if e.note != nil {
		files = append(files, e.note)
	}
	return append(files, e.lane...)
}

func (e ends) close() {
	for _, f := range e.files() {
		if f != nil {
			f.Close()
		}
	}
}

// newEnds makes the daemon's side and the worker's, with a lane or without.
func newEnds(lane bool) (ours, theirs ends, err error) {
	if ours.socket, theirs.socket, err = pair(unix.SOCK_STREAM); err == nil {
		ours.stdout, theirs.stdout, err = pipe("stdout")
	}
	if err == nil {
		ours.stderr, theirs.stderr, err = pipe("stderr")
	}
	if err == nil {
		ours.note, err = newNote()
	}
	if err == nil && lane {
		ours.lane, err = newLane()
	}
	if err == nil && lane {
		theirs.lane, err = duplicate(ours.lane[0])
	}
	if err != nil {
		ours.close()
		theirs.close()
		return ends{}, ends{}, err
	}
	return ours, theirs, nil
}

// task names what the worker runs in a log, as far as a daemon has written it down.
func (w *worker) task() []any {
	n, running, err := ReadNote(w.ends.note)
	if err == nil && !running && w.ends.lane != nil {
		n, running, err = firstInLane(w.ends.lane[laneNotes])
	}
	if err != nil || !running {
		return nil
	}
	return []any{"uuid", n.UUID, "task", n.Task}
}

// noted says whether the worker runs a task, as far as a daemon has written it down.
func (w *worker) noted() (running bool, err error) {
	if running, err = noted(w.ends.note); running || err != nil || w.ends.lane == nil {
		return running, err
	}
	_, running, err = firstInLane(w.ends.lane[laneNotes])
	return running, err
}

// clearLane takes back the tasks that the worker was handed ahead and has not begun: there is no
// daemon that could give them to another one, or none that knows of lanes.
func (w *worker) clearLane(log *slog.Logger) {
	if w.ends.lane == nil {
		return
	}
	var lane *Lane
	files, err := duplicate(w.ends.lane...)
	if err == nil {
		lane, err = openLane(files)
	}
	if err != nil {
		log.Warn("tasks that a worker was handed ahead are left to it", "worker", w.id, "err", err)
		return
	}
	defer lane.Close()
	notes := lane.Notes()
	back := lane.TakeBack()
	for _, n := range notes {
		if slices.Contains(back, n.Seq) {
			log.Warn("a task that had not begun is lost with its daemon", "worker", w.id, "uuid", n.UUID, "task", n.Task)
		}
	}
}

// stage is what a drain has done to a worker so far.
type stage string

const (
	stageNone      stage = "ended by itself"
	stageAsked     stage = "left when it was asked to"
	stageCancelled stage = "ended after its task was cancelled"
	stageKilled    stage = "was killed"
)

// absorb reads what the worker writes, so that it never waits for a daemon that
// is not there. What it sends about its tasks is thrown away if results is set,
// and otherwise waits for the next daemon.
func (w *worker) absorb(results bool) {
	w.absorbing.Go(func() { io.Copy(&w.output, w.ends.stdout) }) // ends with the pipe or its deadline
	w.absorbing.Go(func() { io.Copy(&w.output, w.ends.stderr) }) // likewise
	if results {
		w.absorbing.Go(func() { io.Copy(io.Discard, w.ends.socket) }) // likewise
	}
}

// release ends absorb, within the time given unless the worker's ends are closed before.
func (w *worker) release(within time.Duration) {
	for _, f := range w.ends.files() {
		f.SetReadDeadline(time.Now().Add(within)) // they are ours and have deadlines
	}
	w.absorbing.Wait()
	for _, f := range w.ends.files() {
		f.SetReadDeadline(time.Time{}) // likewise
	}
}

// The frames that a drain writes when no daemon can (workers/process has the
// others): 16 bytes, little endian: u32 length of the body, u8 kind, u8 and u16
// zero, u64 seq.
const (
	frameStop   = 'S'
	frameCancel = 'C'
	// anyTask is the seq of both, by which a worker knows that nobody reads its frames. In a
	// cancel it means the task that runs, whichever it is.
	anyTask = ^uint64(0)
)

// tell writes a frame without a body. A worker that does not read gets none.
func (w *worker) tell(kind byte, seq uint64) {
	frame := make([]byte, 16)
	frame[4] = kind
	binary.LittleEndian.PutUint64(frame[8:], seq)
	conn, err := w.ends.socket.SyscallConn()
	if err != nil {
		return
	}
	conn.Write(func(fd uintptr) bool { // one try: the grace is bounded anyhow
		unix.SendmsgN(int(fd), frame, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL) // likewise
		return true
	})
}
