package control

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"dispatcherd/daemon/message"
)

func TestPipelinedLinesAreAnsweredInOrder(t *testing.T) {
	t.Parallel()
	s := start(t, echo)
	c := connect(t, s.path)
	var lines []string
	for i := range 500 {
		lines = append(lines, fmt.Sprintf(`{"n": %d}`, i))
	}
	c.send(strings.Join(lines, "\n") + "\n")
	c.expect(lines...)
	if got := s.Stats(); got.Received != 500 || got.Open != 1 || got.Accepted != 1 {
		t.Errorf("Stats = %+v, want 500 lines on one connection", got)
	}
	s.stop() // a reply is counted once it is written: its client may have read it before
	if got := s.Stats().Replies; got != 500 {
		t.Errorf("%d replies are counted, want 500", got)
	}
}

func TestLastLineNeedsNoLineBreak(t *testing.T) {
	t.Parallel()
	s := start(t, echo)
	for _, line := range []string{`{"a": 1}`, `app.tasks.bare`, `{"a": NaN}`} {
		c := connect(t, s.path)
		c.send(line)
		c.CloseWrite()
		c.expect(line)
		c.expectEnd()
	}
}

func TestBlankLinesAreSkippedAndCarriageReturnsHarmless(t *testing.T) {
	t.Parallel()
	s := start(t, func(ctx context.Context, payload []byte, _ string, _ Peer, reply Reply) {
		value, err := message.Decode(payload)
		if err != nil {
			t.Errorf("payload %q: %v", payload, err)
		}
		reply(ctx, message.Encode(value))
	})
	c := connect(t, s.path)
	c.send("\n\r\n  \t\n{\"a\": 1}\r\n\n{\"b\": 2}\n\n")
	c.CloseWrite()
	c.expect(`{"a": 1}`, `{"b": 2}`)
	c.expectEnd()
}

func TestHandlerIsToldWhoCallsOnWhichConnection(t *testing.T) {
	t.Parallel()
	s := start(t, func(ctx context.Context, _ []byte, channel string, peer Peer, reply Reply) {
		reply(ctx, fmt.Appendf(nil, "%s: %+v", channel, struct{ UID, GID, PID int }(peer)))
	})
	for i := range 3 {
		c := connect(t, s.path)
		c.send("x\n")
		c.expect(fmt.Sprintf("%d: {UID:%d GID:%d PID:%d}", i, os.Getuid(), os.Getgid(), os.Getpid()))
	}
}

func TestPayloadBelongsToTheHandler(t *testing.T) {
	t.Parallel()
	kept := make(chan []byte, 2)
	s := start(t, func(_ context.Context, payload []byte, _ string, _ Peer, _ Reply) { kept <- payload })
	c := connect(t, s.path)
	c.send("first\n")
	first := within(t, kept, "first line")
	c.send("other\n")
	second := within(t, kept, "second line")
	if string(first) != "first" || string(second) != "other" {
		t.Errorf("payloads = %q, %q, want first, other", first, second)
	}
}

func TestLongReplyComesInShortLines(t *testing.T) {
	t.Parallel()
	want := `{"text": "` + strings.Repeat(`ä\"`, 3000) + `"}`
	s := start(t, func(ctx context.Context, _ []byte, _ string, _ Peer, reply Reply) {
		if err := reply(ctx, []byte(want)); err != nil {
			t.Errorf("reply = %v", err)
		}
	})
	c := connect(t, s.path)
	c.send("x\n")
	whole := message.NewAssembler(0, time.Now)
	for {
		line, err := c.lines.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		if len(line) > replyChunk+1 {
			t.Fatalf("line of %d bytes, want at most %d", len(line), replyChunk+1)
		}
		text, done, err := whole.Add(line[:len(line)-1])
		if err != nil {
			t.Fatal(err)
		}
		if done {
			if string(text) != want {
				t.Errorf("reply = %.40q (%d bytes), want %.40q (%d)", text, len(text), want, len(want))
			}
			return
		}
	}
}

func TestLineBreaksInAReplyDoNotBreakTheLine(t *testing.T) {
	t.Parallel()
	s := start(t, func(ctx context.Context, _ []byte, _ string, _ Peer, reply Reply) {
		reply(ctx, []byte("{\n\"a\": 1\n}"))
	})
	c := connect(t, s.path)
	c.send("x\n")
	c.expect(`{ "a": 1 }`)
}

func TestRepliesFromManyGoroutinesStayWhole(t *testing.T) {
	t.Parallel()
	const writers, each = 8, 50
	text := func(w int) string { return strings.Repeat(string(rune('a'+w)), 900) }
	var wg sync.WaitGroup
	s := start(t, func(ctx context.Context, _ []byte, _ string, _ Peer, reply Reply) {
		for w := range writers {
			wg.Go(func() {
				for range each {
					reply(ctx, []byte(text(w)))
				}
			})
		}
	})
	c := connect(t, s.path)
	c.send("x\n")
	count := map[string]int{}
	for range writers * each {
		line, err := c.lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		count[strings.TrimSuffix(line, "\n")]++
	}
	for w := range writers {
		if count[text(w)] != each {
			t.Errorf("writer %d: %d whole lines, want %d", w, count[text(w)], each)
		}
	}
	wg.Wait()
}

func TestOneClientDoesNotHoldUpAnother(t *testing.T) {
	t.Parallel()
	free := make(chan struct{})
	s := start(t, func(ctx context.Context, payload []byte, _ string, _ Peer, reply Reply) {
		if string(payload) == "wait" {
			<-free
		}
		reply(ctx, payload)
	})
	slow, quick := connect(t, s.path), connect(t, s.path)
	slow.send("wait\n")
	quick.send("go\n")
	quick.expect("go")
	close(free)
	slow.expect("wait")
}

func TestContextEndsWithTheConnection(t *testing.T) {
	t.Parallel()
	contexts := make(chan context.Context, 1)
	s := start(t, func(ctx context.Context, _ []byte, _ string, _ Peer, _ Reply) { contexts <- ctx })
	c := connect(t, s.path)
	c.send("x\n")
	ctx := within(t, contexts, "request")
	if ctx.Err() != nil {
		t.Fatalf("ctx ended (%v) while the client is there", ctx.Err())
	}
	c.Close()
	within(t, ctx.Done(), "end of the context")
}

func TestHeldAnswerReachesAHalfClosedClient(t *testing.T) {
	t.Parallel()
	free := make(chan struct{})
	s := start(t, func(ctx context.Context, payload []byte, _ string, _ Peer, reply Reply) {
		release := Hold(ctx)
		go func() {
			defer release()
			<-free
			reply(ctx, payload)
		}()
	})
	c := connect(t, s.path)
	c.send("late")
	c.CloseWrite()
	close(free)
	c.expect("late")
	c.expectEnd()
}

func TestHeldAnswerIsForgottenWhenTheClientIsGone(t *testing.T) {
	t.Parallel()
	contexts := make(chan context.Context, 1)
	s := start(t, func(ctx context.Context, _ []byte, _ string, _ Peer, _ Reply) {
		Hold(ctx)
		contexts <- ctx
	})
	c := connect(t, s.path)
	c.send("x\n")
	c.CloseWrite()
	ctx := within(t, contexts, "request")
	if ctx.Err() != nil {
		t.Fatalf("ctx ended (%v) while the client still reads", ctx.Err())
	}
	c.Close()
	within(t, ctx.Done(), "end of the context")
}

func TestHoldOutsideAServerDoesNothing(t *testing.T) {
	t.Parallel()
	release := Hold(t.Context())
	if release == nil {
		t.Fatal("Hold outside a server returned nil, want a function")
	}
	release()
}

func TestStopLetsTheHandlerAnswer(t *testing.T) {
	t.Parallel()
	begun, free := make(chan struct{}), make(chan struct{})
	s := start(t, func(ctx context.Context, payload []byte, _ string, _ Peer, reply Reply) {
		close(begun)
		<-free
		reply(ctx, payload)
	}, func(l *limits) { l.stopGrace = time.Hour })
	busy, idle := connect(t, s.path), connect(t, s.path)
	busy.send("work\nnever read\n")
	within(t, begun, "request")
	stopped := make(chan struct{})
	go func() { s.stop(); close(stopped) }()
	idle.expectEnd()
	close(free)
	busy.expect("work")
	within(t, stopped, "end of Run")
	if _, err := os.Lstat(s.path); !os.IsNotExist(err) {
		t.Errorf("Lstat(socket) after Run = %v, want that it is gone", err)
	}
}

func TestStopDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	s := start(t, func(ctx context.Context, _ []byte, _ string, _ Peer, _ Reply) {
		close(begun)
		<-ctx.Done()
	}, func(l *limits) { l.stopGrace = 10 * time.Millisecond })
	c := connect(t, s.path)
	c.send("x\n")
	within(t, begun, "request")
	s.stop()
	c.expectEnd()
}
