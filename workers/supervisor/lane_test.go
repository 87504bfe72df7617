package supervisor

import (
	"encoding/binary"
	"os"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// laneRig is a lane, its files, and the end of it that a worker has.
type laneRig struct {
	*testing.T
	*Lane
	files  []*os.File
	worker int
}

func newLaneRig(t *testing.T) *laneRig {
	t.Helper()
	files, err := newLane()
	if err != nil {
		t.Fatal(err)
	}
	r := &laneRig{T: t, files: files}
	t.Cleanup(func() { closeAll(files) })
	if r.worker, err = unix.Dup(rawFD(files[laneRead])); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(r.worker) })
	r.Lane = r.open()
	return r
}

// open opens the lane once more, as the next daemon does.
func (r *laneRig) open() *Lane {
	r.Helper()
	files, err := duplicate(r.files...)
	if err != nil {
		r.Fatal(err)
	}
	l, err := openLane(files)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(l.Close)
	return l
}

// laneFrame is the frame of a task with a body of so many bytes.
func laneFrame(seq uint64, size int) []byte {
	f := make([]byte, 16+size)
	binary.LittleEndian.PutUint32(f, uint32(size))
	f[4] = 'T'
	binary.LittleEndian.PutUint64(f[8:], seq)
	return f
}

func (r *laneRig) put(seqs ...uint64) {
	r.Helper()
	for _, seq := range seqs {
		if !r.Put(Note{Seq: seq, UUID: "u", Task: "t", Message: []byte("{}")}, laneFrame(seq, 2)) {
			r.Fatalf("Put(%d) = false, want room", seq)
		}
	}
}

// takes is what the worker takes out; ok is false when there is nothing.
func (r *laneRig) takes() (seq uint64, ok bool) {
	packet := make([]byte, MaxLanePacket)
	n, err := unix.Read(r.worker, packet)
	if err != nil || n < 16 {
		return 0, false
	}
	return binary.LittleEndian.Uint64(packet[8:]), true
}

func seqsOf(notes []Note) (seqs []uint64) {
	for _, n := range notes {
		seqs = append(seqs, n.Seq)
	}
	return seqs
}

func TestLaneIsReadInOrderAndTakenBackFromWhatIsLeft(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	r.put(3, 1, 2)
	if seq, ok := r.takes(); !ok || seq != 3 {
		t.Errorf("the worker took %d, %v, want 3", seq, ok)
	}
	if got := r.TakeBack(); !slices.Equal(got, []uint64{1, 2}) {
		t.Errorf("TakeBack() = %v, want 1, 2", got)
	}
	if seq, ok := r.takes(); ok {
		t.Errorf("the worker took %d, which was taken back", seq)
	}
	if got := r.TakeBack(); got != nil {
		t.Errorf("TakeBack() = %v once more, want nothing", got)
	}
	if got := seqsOf(r.Notes()); !slices.Equal(got, []uint64{3}) {
		t.Errorf("noted are %v, want 3", got)
	}
	r.End(3)
	r.End(3)
	if got := r.Notes(); len(got) != 0 {
		t.Errorf("noted are %v after the end", got)
	}
}

func TestLaneTakesAsManyAsItHasRoomForAndNothingLong(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	if r.Put(Note{Seq: 1}, laneFrame(1, MaxLanePacket-15)) {
		t.Error("a frame was put that the kernel would cut")
	}
	if !r.Put(Note{Seq: 1, Message: make([]byte, MaxLanePacket-16)}, laneFrame(1, MaxLanePacket-16)) {
		t.Error("the longest frame was not put")
	}
	for seq := uint64(2); seq <= MaxAhead; seq++ {
		r.put(seq)
	}
	if r.Put(Note{Seq: 99}, laneFrame(99, 2)) {
		t.Errorf("more than %d were put", MaxAhead)
	}
	if seq, ok := r.takes(); !ok || seq != 1 {
		t.Errorf("the worker took %d, %v, want 1", seq, ok)
	}
	if r.Put(Note{Seq: 99}, laneFrame(99, 2)) {
		t.Error("one was put in place of one that runs: a note would be lost")
	}
	r.End(1)
	r.put(99)
}

func TestNextDaemonFindsWhatWasHandedAheadInOrder(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	r.put(7, 8)
	r.End(7) // its place is used again, before that of 8
	r.put(9)
	if _, ok := r.takes(); !ok { // 7, which has ended
		t.Fatal("nothing was there")
	}
	if _, ok := r.takes(); !ok { // 8
		t.Fatal("nothing was there")
	}
	next := r.open()
	notes := next.Notes()
	if got := seqsOf(notes); !slices.Equal(got, []uint64{8, 9}) {
		t.Errorf("noted are %v, want 8, 9", got)
	}
	if n := notes[0]; n.UUID != "u" || n.Task != "t" || string(n.Message) != "{}" || n.Began.IsZero() {
		t.Errorf("the note is %+v", n)
	}
	if first, ok, err := firstInLane(r.files[laneNotes]); err != nil || !ok || first.Seq != 8 {
		t.Errorf("firstInLane() = %+v, %v, %v, want that of 8", first, ok, err)
	}
	if got := next.TakeBack(); !slices.Equal(got, []uint64{9}) {
		t.Errorf("TakeBack() = %v, want 9", got)
	}
	if got := seqsOf(next.Notes()); !slices.Equal(got, []uint64{8}) {
		t.Errorf("noted are %v, want 8", got)
	}
}

func TestClosedLaneTakesNothingAndGivesNothing(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	r.put(1)
	r.Close()
	r.Close()
	if r.Put(Note{Seq: 2}, laneFrame(2, 2)) || r.TakeBack() != nil || r.Notes() != nil {
		t.Error("a closed lane was used")
	}
	r.End(1)
	if seq, ok := r.takes(); !ok || seq != 1 {
		t.Errorf("the worker took %d, %v, want what was put before", seq, ok)
	}
}

// Both sides take at the same time, again and again.
func TestEachTaskOfALaneIsGotByOneSide(t *testing.T) {
	t.Parallel()
	const rounds, each = 500, 10
	r := newLaneRig(t)
	got := map[uint64]int{}
	seq := uint64(0)
	for range rounds {
		var batch []uint64
		for range each {
			seq++
			batch = append(batch, seq)
		}
		r.put(batch...)
		var taken []uint64
		var both sync.WaitGroup
		both.Go(func() {
			for {
				seq, ok := r.takes()
				if !ok {
					return
				}
				taken = append(taken, seq)
			}
		})
		back := r.TakeBack()
		both.Wait()
		for _, seq := range append(taken, back...) {
			got[seq]++
			r.End(seq)
		}
	}
	for s := range seq {
		if got[s+1] != 1 {
			t.Fatalf("task %d was got %d times, want once", s+1, got[s+1])
		}
	}
}
