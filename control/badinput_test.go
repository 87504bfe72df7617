package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// stillServes shows that the server has taken no harm.
func (s *running) stillServes(t *testing.T) {
	t.Helper()
	c := connect(t, s.path)
	c.send("alive?\n")
	c.expect("alive?")
}

// Not parallel: it looks at what the whole process allocates.
func TestLineOf16MiBWithoutEndCostsLittle(t *testing.T) {
	s := start(t, echo)
	bystander := connect(t, s.path)
	c := connect(t, s.path)
	piece := []byte(strings.Repeat("x", 1<<16))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 256 {
		if _, err := c.Write(piece); err != nil {
			t.Fatalf("send: %v", err)
		}
	}
	c.expect(`{"error": "line is longer than 1048576 bytes"}`)
	c.CloseWrite()
	c.expectEnd()
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("a refused line of 16 MiB had %d bytes allocated, want at most 4 MiB", used)
	}
	bystander.send("x\n")
	bystander.expect("x")
	s.stillServes(t)
	if got := s.Stats(); got.Rejected != 1 || s.log.count("line is longer") != 1 {
		t.Errorf("Stats = %+v, logged %d times, want one rejected line", got, s.log.count("line is longer"))
	}
	if s.pending.Load() != 0 {
		t.Errorf("pending = %d, want 0", s.pending.Load())
	}
}

func TestLongestLineIsTaken(t *testing.T) {
	t.Parallel()
	sizes := make(chan int, 1)
	s := start(t, func(_ context.Context, payload []byte, _ string, _ Peer, _ Reply) { sizes <- len(payload) })
	c := connect(t, s.path)
	c.send(strings.Repeat("x", 1<<20) + "\n")
	if got := within(t, sizes, "the line"); got != 1<<20 {
		t.Errorf("payload of %d bytes, want %d", got, 1<<20)
	}
}

func TestInvalidUTF8IsAnsweredWithAnError(t *testing.T) {
	t.Parallel()
	s := start(t, echo)
	for _, bad := range []string{"\xff", "{\"a\": \"\xc3\"}", "\xed\xa0\x80"} {
		c := connect(t, s.path)
		c.send("good\n" + bad + "\nnever read\n")
		c.expect("good", `{"error": "line is not valid UTF-8"}`)
		c.CloseWrite()
		c.expectEnd()
	}
	s.stillServes(t)
	if got := s.Stats().Rejected; got != 3 {
		t.Errorf("Rejected = %d, want 3", got)
	}
}

func TestClientThatLeavesInTheMiddleOfALine(t *testing.T) {
	t.Parallel()
	handled := make(chan string, 10)
	s := start(t, func(ctx context.Context, payload []byte, _ string, _ Peer, reply Reply) {
		handled <- string(payload)
		reply(ctx, payload)
	})
	c := connect(t, s.path)
	c.send(`{"task": "app.tasks.pay", "args": [1`)
	c.CloseWrite()
	c.expect(`{"error": "client left in the middle of a line"}`)
	c.expectEnd()
	gone := connect(t, s.path)
	gone.send(`{"task": "app.tasks.pay", "args": [`)
	gone.Close()
	s.log.waitFor(t, "left in the middle", 2)
	s.stop()
	if len(handled) > 0 {
		t.Errorf("handled %q, want nothing", <-handled)
	}
	if got := s.Stats().Rejected; got != 2 {
		t.Errorf("Rejected = %d, want 2", got)
	}
}

func TestClientThatLeavesWhileTheReplyIsWritten(t *testing.T) {
	t.Parallel()
	results := make(chan error, 1)
	s := start(t, func(ctx context.Context, payload []byte, _ string, _ Peer, reply Reply) {
		if string(payload) == "alive?" {
			reply(ctx, payload)
			return
		}
		results <- reply(ctx, []byte(strings.Repeat("x", 8<<20)))
	})
	c := connect(t, s.path)
	c.send("x\n")
	if _, err := c.lines.ReadByte(); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := within(t, results, "reply"); err == nil {
		t.Error("reply = nil, want an error")
	}
	s.stillServes(t)
	if got := s.Stats().Unsent; got != 1 {
		t.Errorf("Unsent = %d, want 1", got)
	}
}

func TestClientThatNeverReadsIsDropped(t *testing.T) {
	t.Parallel()
	results := make(chan error, 1)
	contexts := make(chan context.Context, 1)
	s := start(t, func(ctx context.Context, payload []byte, _ string, _ Peer, reply Reply) {
		if string(payload) == "alive?" {
			reply(ctx, payload)
			return
		}
		contexts <- ctx
		results <- reply(ctx, []byte(strings.Repeat("x", 8<<20)))
	}, func(l *limits) { l.replyWrite = 300 * time.Millisecond })
	c := connect(t, s.path)
	c.send("x\n")
	if err := within(t, results, "reply"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("reply = %v, want a timeout", err)
	}
	within(t, within(t, contexts, "request").Done(), "end of the connection")
	s.stillServes(t)
}

func TestReplyEndsWithTheDeadlineOfItsContext(t *testing.T) {
	t.Parallel()
	results := make(chan error, 2)
	s := start(t, func(ctx context.Context, _ []byte, _ string, _ Peer, reply Reply) {
		over, cancel := context.WithCancel(ctx)
		cancel()
		results <- reply(over, []byte("nothing of this is sent"))
		soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		results <- reply(soon, []byte(strings.Repeat("x", 1<<20)))
	})
	c := connect(t, s.path)
	c.send("x\n")
	if err := within(t, results, "first reply"); !errors.Is(err, context.Canceled) {
		t.Errorf("reply with an ended context = %v, want context.Canceled", err)
	}
	if err := within(t, results, "second reply"); !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("reply with a deadline = %v, want a timeout", err)
	}
}

func TestThousandClientsAtOnceAreAllAnswered(t *testing.T) {
	t.Parallel()
	const clients = 1000
	s := start(t, echo)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var connected, finished sync.WaitGroup
	connected.Add(clients)
	failures := make(chan error, clients)
	for i := range clients {
		finished.Go(func() {
			c, err := Dial(ctx, s.path)
			connected.Done()
			if err != nil {
				failures <- err
				return
			}
			defer c.Close()
			connected.Wait() // all are connected at the same time
			name := fmt.Sprint("client-", i)
			if reply, err := c.Request(ctx, Request{Command: name}); err != nil || reply["control"] != name {
				failures <- fmt.Errorf("Request = %v, %w", reply, err)
			}
		})
	}
	finished.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
	if got := s.Stats().Accepted; got != clients {
		t.Errorf("Accepted = %d, want %d", got, clients)
	}
}

func TestTooManyClientsAreRefusedAndTheRestServed(t *testing.T) {
	t.Parallel()
	s := start(t, echo, func(l *limits) { l.connections = 2 })
	first, second := connect(t, s.path), connect(t, s.path)
	for _, c := range []*rawClient{first, second} {
		c.send("x\n")
		c.expect("x")
	}
	for range 3 {
		refused := connect(t, s.path)
		refused.expect(`{"error": "too many connections"}`)
		refused.expectEnd()
	}
	first.send("y\n")
	first.expect("y")
	if got := s.Stats().Refused; got != 3 || s.log.count("connection refused") != 1 {
		t.Errorf("Refused = %d, logged %d times, want 3, logged once", got, s.log.count("connection refused"))
	}
}

func TestSomeConnectionsAreForRootAndTheDaemonsUser(t *testing.T) {
	t.Parallel()
	l := limits{connections: 10, reserved: 3}
	for uid, want := range map[int]int{0: 10, 5: 10, 6: 7} {
		if got := l.room(uid, 5); got != want {
			t.Errorf("room for user %d = %d, want %d", uid, got, want)
		}
	}
}

func TestManyClientsAreOneLine(t *testing.T) {
	t.Parallel()
	s := start(t, echo, func(l *limits) { l.many = 3 })
	for range 2 { // the second time is too soon for a line
		var crowd []*rawClient
		for range 5 {
			c := connect(t, s.path)
			c.send("x\n")
			c.expect("x")
			crowd = append(crowd, c)
		}
		for _, c := range crowd {
			c.CloseWrite()
			c.expectEnd()
		}
	}
	if n := s.log.count("many clients are connected"); n != 1 {
		t.Errorf("logged %d times, want once", n)
	}
}

func TestConnectionsDoNotCountOnceTheyAreClosed(t *testing.T) {
	t.Parallel()
	contexts := make(chan context.Context, 1)
	s := start(t, func(ctx context.Context, _ []byte, _ string, _ Peer, reply Reply) { contexts <- ctx })
	c := connect(t, s.path)
	c.send("x\n")
	within(t, contexts, "request")
	c.Close()
	s.stop()
	if got := s.Stats().Open; got != 0 {
		t.Errorf("Open = %d, want 0", got)
	}
}

// brokenListener fails a few times before it is closed.
type brokenListener struct{ left int }

func (b *brokenListener) AcceptUnix() (*net.UnixConn, error) {
	if b.left--; b.left >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return nil, net.ErrClosed
}

func TestAcceptErrorsAreLoggedOnceAndOutlived(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &testLog{}
		s := NewServer(Config{Path: "x"}, echo, log.logger())
		began := time.Now()
		s.accept(t.Context(), &brokenListener{left: 12}, func(*net.UnixConn, Peer) {})
		// 5+10+20+40+80+160+320+640 ms, then a second each time
		if got, want := time.Since(began), 1275*time.Millisecond+4*time.Second; got != want {
			t.Errorf("12 failures took %v, want %v", got, want)
		}
		if got := log.count("too many open files"); got != 1 {
			t.Errorf("logged %d times, want once", got)
		}
	})
}

func TestRejectedClientThatKeepsSendingIsCutOff(t *testing.T) {
	t.Parallel()
	s := start(t, echo, func(l *limits) { l.lineBytes, l.linger = 100, 50*time.Millisecond })
	c := connect(t, s.path)
	c.send(strings.Repeat("x", 200))
	c.expect(`{"error": "line is longer than 100 bytes"}`)
	for {
		if _, err := io.WriteString(c, "more and more"); err != nil {
			break // EPIPE: the server has closed
		}
	}
}
