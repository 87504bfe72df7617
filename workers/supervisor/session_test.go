package supervisor

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// call connects without a client, and bounds what is waited for.
func (p *place) call(t *testing.T) *conn {
	t.Helper()
	raw, err := p.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	raw.SetDeadline(time.Now().Add(limit))
	c := newConn(raw)
	t.Cleanup(c.close)
	return c
}

func say(t *testing.T, c *conn, p packet) {
	t.Helper()
	if err := writePacket(c.raw, p, nil); err != nil {
		t.Fatal(err)
	}
}

// refused reads the one packet that a refused caller gets, and the end.
func refused(t *testing.T, c *conn) string {
	t.Helper()
	p, _, err := c.receive()
	if err != nil || p.Op != opRefused {
		t.Fatalf("got %+v, %v, want to be refused", p, err)
	}
	if p, _, err := c.receive(); !errors.Is(err, io.EOF) {
		t.Errorf("after the refusal: %+v, %v, want the end", p, err)
	}
	return p.Error
}

func greeting() packet {
	return packet{Op: opHello, Hello: &hello{Version: wireVersion, MinVersion: minVersion}}
}

func TestSecondDaemonIsRefused(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, Config{}, project(t))
	tm.hire(t, 1)
	c := tm.call(t)
	say(t, c, greeting())
	if text := refused(t, c); !strings.Contains(text, "is connected") {
		t.Errorf("refused with %q", text)
	}
	tm.keeper.log.find(t, 1, "connection refused", "is connected")
	tm.hire(t, 2) // the first one is served as before
	tm.finish(t)
}

func TestClientOfASecondDaemonGivesUp(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, Config{}, project(t))
	tm.hire(t, 1)
	second := NewClient(Spec{Python: "python3"}, "", tm.dial, slog.New(slog.DiscardHandler))
	began := time.Now()
	if err := second.Run(t.Context()); !errors.Is(err, ErrTaken) {
		t.Errorf("Run = %v, want %v", err, ErrTaken)
	}
	if patience := time.Since(began); patience < takenTime {
		t.Errorf("it gave up after %s, want %s at least", patience, takenTime)
	}
	tm.hire(t, 2)
	tm.finish(t)
}

func TestOtherVersionIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t, Config{})
	k := p.start(t)
	for _, tt := range []struct {
		hello hello
		want  string
	}{
		{hello{Version: 9, MinVersion: 8}, "the other side speaks 8 to 9, this one 1 to 3"},
		{hello{}, "the other side speaks 0 to 0, this one 1 to 3"},
	} {
		c := p.call(t)
		say(t, c, packet{Op: opHello, Hello: &tt.hello})
		if text := refused(t, c); !strings.Contains(text, tt.want) {
			t.Errorf("refused with %q, want %q", text, tt.want)
		}
	}
	k.log.find(t, 2, "connection refused", "versions do not match")
}

func TestNewerDaemonThatSpeaksOurVersionIsServed(t *testing.T) {
	t.Parallel()
	p := newPlace(t, Config{})
	p.start(t)
	c := p.call(t)
	say(t, c, packet{Op: opHello, Hello: &hello{Version: 3, MinVersion: 1}})
	if answer, _, err := c.receive(); err != nil || answer.Op != opWelcome || answer.Welcome.Version != wireVersion {
		t.Errorf("got %+v, %v, want a welcome", answer, err)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t, Config{DaemonUID: os.Getuid() + 1})
	k := p.start(t)
	if text := refused(t, p.call(t)); !strings.Contains(text, "may not connect") {
		t.Errorf("refused with %q", text)
	}
	k.log.find(t, 1, "connection refused", "may not connect")
}

func TestBadPacketEndsTheConnectionAlone(t *testing.T) {
	t.Parallel()
	p := newPlace(t, Config{})
	k := p.start(t)
	for _, first := range []string{"not JSON", `{"op":"launch"}`, `[]`, `{"op":"hello"}`} {
		c := p.call(t)
		if _, err := c.raw.Write([]byte(first)); err != nil {
			t.Fatal(err)
		}
		refused(t, c)
	}
	c := p.call(t)
	say(t, c, greeting())
	if answer, _, err := c.receive(); err != nil || answer.Op != opWelcome {
		t.Fatalf("got %+v, %v, want a welcome", answer, err)
	}
	say(t, c, packet{Op: "dance"}) // of a newer daemon: not known, no harm
	say(t, c, packet{Op: opInterrupt, Worker: 5})
	say(t, c, packet{Op: opKill, Worker: 5})
	say(t, c, packet{Op: opLaunch, ID: 1, Worker: 5})
	if answer, _, err := c.receive(); err != nil || answer.Op != opLaunched || answer.Error != errNoSpec.Error() {
		t.Errorf("launch without a spec: %+v, %v", answer, err)
	}
	say(t, c, packet{Op: opSpec})
	if answer, _, err := c.receive(); err != nil || answer.Op != opRefused {
		t.Errorf("an empty spec: %+v, %v", answer, err)
	}
	k.log.find(t, 1, "does not know", "dance")
}

// scripted is a client whose supervisor is the test.
func scripted(t *testing.T, spec Spec) (*Client, *conn) {
	t.Helper()
	p := newPlace(t, Config{})
	listener, err := net.FileListener(p.listen)
	if err != nil {
		t.Fatal(err)
	}
	client, _ := p.connect(t, spec)
	raw, err := listener.(*net.UnixListener).AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	raw.SetDeadline(time.Now().Add(limit))
	c := newConn(raw)
	t.Cleanup(c.close)
	expect(t, c, opHello)
	return client, c
}

func expect(t *testing.T, c *conn, op string) packet {
	t.Helper()
	p, _, err := c.receive()
	if err != nil || p.Op != op {
		t.Fatalf("got %+v, %v, want %s", p, err, op)
	}
	return p
}
