package supervisor

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestVersionsAgreeWhereTheyOverlap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		version, oldest, want int
	}{
		{1, 1, 1}, {2, 1, 2}, {9, 1, 3}, {9, 3, 3}, {9, 4, 0}, {0, 0, 0},
	} {
		got, err := agree(tt.version, tt.oldest)
		if got != tt.want || (err == nil) != (tt.want != 0) {
			t.Errorf("agree(%d, %d) = %d, %v, want %d", tt.version, tt.oldest, got, err, tt.want)
		}
	}
}

// packetPair is two ends of a socket that carries packets.
func packetPair(t *testing.T) (a, b *net.UnixConn) {
	t.Helper()
	one, two, err := pair(unix.SOCK_SEQPACKET)
	if err != nil {
		t.Fatal(err)
	}
	ends := make([]*net.UnixConn, 2)
	for i, f := range []*os.File{one, two} {
		c, err := net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = c.(*net.UnixConn)
		ends[i].SetDeadline(time.Now().Add(limit))
		t.Cleanup(func() { c.Close() })
	}
	return ends[0], ends[1]
}

func TestDescriptorsTravelWithTheirPacket(t *testing.T) {
	t.Parallel()
	a, b := packetPair(t)
	r, w, err := pipe("test")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := writePacket(a, packet{Op: "x", Worker: 3}, []*os.File{r}); err != nil {
		t.Fatal(err)
	}
	r.Close()
	var p packet
	files, err := newReader(b).read(&p)
	if err != nil || p.Op != "x" || p.Worker != 3 || len(files) != 1 {
		t.Fatalf("read %+v with %d files, %v", p, len(files), err)
	}
	defer closeAll(files)
	if flags, err := unix.FcntlInt(uintptr(rawFD(files[0])), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("descriptor flags %#x, %v, want close-on-exec", flags, err)
	}
	w.Write([]byte("through"))
	buf := make([]byte, 16)
	if n, err := files[0].Read(buf); string(buf[:n]) != "through" {
		t.Errorf("read %q, %v", buf[:n], err)
	}
}

func TestLargestSpecFitsIntoAPacket(t *testing.T) {
	t.Parallel()
	spec := Spec{Python: "python3", Env: map[string]string{"X": ""}}
	spec.Env["X"] = strings.Repeat("x", maxSpec-200)
	if err := spec.Check(); err != nil {
		t.Fatal(err)
	}
	a, b := packetPair(t)
	if err := writePacket(a, packet{Op: opSpec, Spec: &spec}, nil); err != nil {
		t.Fatal(err)
	}
	var p packet
	if _, err := newReader(b).read(&p); err != nil || !p.Spec.equal(spec) {
		t.Errorf("the spec did not come through: %v", err)
	}
}

func TestOversizedPacketIsRefused(t *testing.T) {
	t.Parallel()
	a, b := packetPair(t)
	if err := writePacket(a, packet{Error: strings.Repeat("x", maxPacket)}, nil); err == nil || !strings.Contains(err.Error(), "at most 163840 bytes") {
		t.Errorf("send: %v", err)
	}
	if _, err := a.Write(make([]byte, maxPacket+1)); err != nil {
		t.Fatal(err)
	}
	var p packet
	if _, err := newReader(b).read(&p); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("receive: %v", err)
	}
}

func TestPeerThatDoesNotReadLosesItsConnection(t *testing.T) {
	t.Parallel()
	a, _ := packetPair(t)
	c := newConn(a)
	done := make(chan struct{})
	go func() { c.run(); close(done) }()
	var err error
	sent := 0
	for ; err == nil && sent < 3*maxQueued; sent++ {
		err = c.send(packet{Op: opExited, Worker: sent})
	}
	if !errors.Is(err, errConnClosed) || sent < maxQueued {
		t.Errorf("send gave up after %d packets: %v, want it after %d or more", sent, err, maxQueued)
	}
	<-done
	if _, _, err := c.receive(); err == nil || !strings.Contains(err.Error(), "the peer has not read the 4096 before it") {
		t.Errorf("receive: %v, want why the connection was closed", err)
	}
}

func TestReceiveSaysWhyAPacketCouldNotBeSent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		size int
		want string
	}{
		{maxPacket, "send packet: must be at most"},
		{maxPacket / 2, "message too long"},
	} {
		a, _ := packetPair(t)
		if err := a.SetWriteBuffer(1); err != nil { // the kernel takes its minimum
			t.Fatal(err)
		}
		c := newConn(a)
		if err := c.send(packet{Op: opRefused, Error: strings.Repeat("x", tt.size)}); err != nil {
			t.Fatal(err)
		}
		c.run()
		if _, _, err := c.receive(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("receive after a packet of %d bytes: %v, want %q", tt.size, err, tt.want)
		}
	}
}

func TestReceiveSaysThatThePeerIsGone(t *testing.T) {
	t.Parallel()
	a, b := packetPair(t)
	b.Close()
	if _, _, err := newConn(a).receive(); !errors.Is(err, io.EOF) {
		t.Errorf("receive: %v, want the end", err)
	}
}

func TestFinishSendsWhatIsQueued(t *testing.T) {
	t.Parallel()
	a, b := packetPair(t)
	c := newConn(a)
	for i := range 3 {
		if err := c.send(packet{Op: opExited, Worker: i}); err != nil {
			t.Fatal(err)
		}
	}
	c.finish(limit)
	if err := c.send(packet{}); !errors.Is(err, errConnClosed) {
		t.Errorf("send after finish: %v", err)
	}
	c.run()
	in := newReader(b)
	for i := range 3 {
		var p packet
		if _, err := in.read(&p); err != nil || p.Worker != i {
			t.Errorf("packet %d: %+v, %v", i, p, err)
		}
	}
}
