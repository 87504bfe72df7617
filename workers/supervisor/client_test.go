package supervisor

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLaunchThatIsGivenUpLeavesNoWorker(t *testing.T) {
	t.Parallel()
	client, c := scripted(t, Spec{Python: "python3"})
	say(t, c, packet{Op: opWelcome, Welcome: &welcome{Version: wireVersion, MinVersion: minVersion, PID: 1}})
	expect(t, c, opSpec)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() { _, err := client.Launch(ctx, 4); failed <- err }()
	request := expect(t, c, opLaunch)
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "worker 4") {
		t.Errorf("Launch = %v", err)
	}
	ours, theirs, err := newEnds(false)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.close()
	answer := packet{Op: opLaunched, ID: request.ID, Worker: 4, Launched: &launched{process: process{PID: 99}}}
	if err := writePacket(c.raw, answer, ours.files()); err != nil {
		t.Fatal(err)
	}
	ours.close()
	if p := expect(t, c, opKill); p.Worker != 4 {
		t.Errorf("asked to kill worker %d, want 4", p.Worker)
	}
	if n, err := theirs.socket.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("the worker's socket: %d, %v, want it closed", n, err)
	}
}

func TestAnswerWithoutDescriptorsIsAnError(t *testing.T) {
	t.Parallel()
	client, c := scripted(t, Spec{Python: "python3"})
	say(t, c, packet{Op: opWelcome, Welcome: &welcome{Version: wireVersion, MinVersion: minVersion, PID: 1}})
	expect(t, c, opSpec)
	failed := make(chan error, 1)
	go func() { _, err := client.Launch(t.Context(), 4); failed <- err }()
	request := expect(t, c, opLaunch)
	say(t, c, packet{Op: opLaunched, ID: request.ID, Worker: 4, Launched: &launched{}})
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "0 descriptors") {
		t.Errorf("Launch = %v", err)
	}
}

func TestLaunchFailsWhenTheConnectionIsLost(t *testing.T) {
	t.Parallel()
	client, c := scripted(t, Spec{Python: "python3"})
	say(t, c, packet{Op: opWelcome, Welcome: &welcome{Version: wireVersion, MinVersion: minVersion, PID: 1}})
	expect(t, c, opSpec)
	failed := make(chan error, 1)
	go func() { _, err := client.Launch(t.Context(), 4); failed <- err }()
	expect(t, c, opLaunch)
	c.close()
	if err := <-failed; !errors.Is(err, errNotConnected) {
		t.Errorf("Launch = %v, want that there is no connection", err)
	}
}

func TestSupervisorOfAnotherVersionIsNotUsed(t *testing.T) {
	t.Parallel()
	client, c := scripted(t, Spec{Python: "python3"})
	say(t, c, packet{Op: opWelcome, Welcome: &welcome{Version: 7, MinVersion: 6, PID: 1}})
	if p, _, err := c.receive(); !errors.Is(err, io.EOF) {
		t.Errorf("got %+v, %v, want the end", p, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := client.Launch(ctx, 1); !errors.Is(err, errNotConnected) {
		t.Errorf("Launch = %v, want that there is no connection", err)
	}
}

func TestClientWaitsLongerWithEachFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls []time.Time
		dial := func(context.Context) (*net.UnixConn, error) {
			calls = append(calls, time.Now())
			return nil, os.ErrNotExist
		}
		client := NewClient(Spec{Python: "python3"}, "", dial, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- client.Run(ctx) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if info := client.Info(); info.Connected || !strings.Contains(info.LastError, "file does not exist") {
			t.Errorf("Info() = %+v", info)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil after its context has ended", err)
		}
		// 0.1 + 0.2 + … + 3.2, then 5 s each, a quarter less or more.
		if n := len(calls); n < 12 || n > 24 {
			t.Errorf("dialled %d times in a minute, want 16 or so", n)
		}
		if first := calls[1].Sub(calls[0]); first < 75*time.Millisecond || first > 125*time.Millisecond {
			t.Errorf("the second try came after %s, want 100ms or so", first)
		}
	})
}

func TestUnusableSpecIsAnErrorAtOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		spec Spec
		want string
	}{
		{Spec{}, "python must name an interpreter"},
		{Spec{Python: "python3", Env: map[string]string{"X": strings.Repeat("x", maxSpec)}}, "must be at most 131072 bytes as JSON, got 131"},
	} {
		err := NewClient(tt.spec, "", nil, slog.New(slog.DiscardHandler)).Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Run = %v, want %q", err, tt.want)
		}
	}
}

func TestRequestsWithoutAConnectionAreErrors(t *testing.T) {
	t.Parallel()
	client := NewClient(Spec{Python: "python3"}, "", nil, slog.New(slog.DiscardHandler))
	if err := client.Kill(3); !errors.Is(err, errNotConnected) || !strings.HasPrefix(err.Error(), "kill worker 3: ") {
		t.Errorf("Kill = %v", err)
	}
	if err := client.Interrupt(3); !errors.Is(err, errNotConnected) {
		t.Errorf("Interrupt = %v", err)
	}
}
