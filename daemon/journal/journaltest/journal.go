// Package journaltest stands in for journald: a socket of the native protocol whose
// entries a test reads.
package journaltest

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// bound is how long a test waits for an entry.
const bound = 60 * time.Second

// Journal is a socket that takes entries.
type Journal struct {
	Path string // of the socket
	t    testing.TB
	conn *net.UnixConn
}

// Listen opens a socket in a directory of its own, until the test ends.
func Listen(t testing.TB) *Journal {
	t.Helper()
	dir, err := os.MkdirTemp("", "j-") // t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	j := &Journal{Path: filepath.Join(dir, "socket"), t: t}
	j.Open()
	t.Cleanup(j.Close)
	return j
}

// Open binds the path, again after Close.
func (j *Journal) Open() {
	j.t.Helper()
	var err error
	if j.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: j.Path, Net: "unixgram"}); err != nil {
		j.t.Fatal(err)
	}
}

// Close ends the socket and removes its path.
func (j *Journal) Close() {
	_ = j.conn.Close() // twice does no harm
	_ = os.Remove(j.Path)
}

// Next waits for an entry.
func (j *Journal) Next() Entry {
	j.t.Helper()
	if err := j.conn.SetReadDeadline(time.Now().Add(bound)); err != nil {
		j.t.Fatal(err)
	}
	e, err := j.read()
	if err != nil {
		j.t.Fatalf("read an entry: %v", err)
	}
	return e
}

// read takes one entry off the socket.
func (j *Journal) read() (Entry, error) {
	data, rights := make([]byte, 1<<20), make([]byte, unix.CmsgSpace(4))
	n, got, _, _, err := j.conn.ReadMsgUnix(data, rights)
	if err != nil {
		return nil, err
	}
	if got == 0 {
		return Parse(data[:n])
	}
	if n != 0 {
		return nil, errors.New("a datagram with a file has a text of its own")
	}
	return readFile(rights[:got])
}

// readFile reads the entry that came as a file, which must be sealed.
func readFile(rights []byte) (Entry, error) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil, err
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fds[0]), "entry")
	defer file.Close()
	seals, err := unix.FcntlInt(file.Fd(), unix.F_GET_SEALS, 0)
	const all = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL
	if err != nil || seals != all {
		return nil, errors.New("the file is not sealed")
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil { // journald maps it: where it stands does not matter
		return nil, err
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	return Parse(data)
}

// Discard takes entries and keeps none, until Close.
func (j *Journal) Discard() {
	for data := make([]byte, 1<<16); ; {
		if _, err := j.conn.Read(data); errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// Record keeps every entry from now on.
func (j *Journal) Record() *Record {
	r := &Record{t: j.t, changed: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			e, err := j.read()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			r.add(e, err)
		}
	}()
	j.t.Cleanup(func() {
		j.Close()
		<-done
	})
	return r
}

// Record is what a journal was sent.
type Record struct {
	t       testing.TB
	mu      sync.Mutex // guards the fields below
	entries []Entry
	changed chan struct{} // closed and replaced with each entry
}

func (r *Record) add(e Entry, err error) {
	if err != nil {
		r.t.Errorf("read an entry: %v", err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, e)
	close(r.changed)
	r.changed = make(chan struct{})
}

// With returns the entries so far that have the values.
func (r *Record) With(want Entry) []Entry {
	found, _ := r.with(want)
	return found
}

func (r *Record) with(want Entry) (found []Entry, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.entries {
		if e.has(want) {
			found = append(found, e)
		}
	}
	return found, r.changed
}

// Wait waits for an entry that has the values, and returns it.
func (r *Record) Wait(want Entry) Entry {
	r.t.Helper()
	timeout := time.After(bound)
	for {
		found, changed := r.with(want)
		if len(found) > 0 {
			return found[0]
		}
		select {
		case <-changed:
		case <-timeout:
			r.t.Fatalf("the journal got no entry with %v, but %v", want, r.With(nil))
		}
	}
}
