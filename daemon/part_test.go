package daemon

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestPartsStopInReverseOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var stopped []string
		c := newCrew(3, quiet())
		for _, name := range []string{"first", "second", "third"} {
			c.start(t.Context(), part{name: name, bound: time.Second, run: func(ctx context.Context) error {
				<-ctx.Done()
				stopped = append(stopped, name)
				return nil
			}})
		}
		if err := c.stop(t.Context()); err != nil {
			t.Error(err)
		}
		if want := []string{"third", "second", "first"}; !slices.Equal(stopped, want) {
			t.Errorf("stopped %v, want %v", stopped, want)
		}
	})
}

func TestPartThatDoesNotStopIsLeftBehindAndNamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &bytes.Buffer{}
		c := newCrew(1, slog.New(slog.NewTextHandler(log, nil)))
		release := make(chan struct{})
		c.start(t.Context(), part{name: "stuck", bound: time.Minute, run: func(context.Context) error {
			<-release
			return nil
		}})
		began := time.Now()
		err := c.stop(t.Context())
		if err == nil || err.Error() != "stuck did not stop within 1m0s" {
			t.Errorf("stop = %v", err)
		}
		if waited := time.Since(began); waited != time.Minute {
			t.Errorf("waited %v, want the part's bound of 1m", waited)
		}
		if !strings.Contains(log.String(), "part=stuck") {
			t.Errorf("the log does not name the part:\n%s", log)
		}
		close(release)
	})
}

func TestPartThatEndsByItselfIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		for _, tt := range []struct {
			err  error
			want string
		}{{boom, "broken: boom"}, {nil, "broken ended by itself"}} {
			c := newCrew(1, quiet())
			c.start(t.Context(), part{name: "broken", bound: time.Second, run: func(context.Context) error { return tt.err }})
			s := <-c.failed
			if err := errors.Join(s.ended(), c.stop(t.Context())); err == nil || err.Error() != tt.want {
				t.Errorf("a part that returned %v: %v, want %q", tt.err, err, tt.want)
			}
		}
	})
}

func TestEndOfTheCallersContextStopsNothingByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := newCrew(1, quiet())
		ended := false
		c.start(ctx, part{name: "p", bound: time.Second, run: func(ctx context.Context) error {
			<-ctx.Done()
			ended = true
			return nil
		}})
		cancel()
		synctest.Wait()
		if ended {
			t.Error("the part ended before it was its turn")
		}
		if err := c.stop(ctx); err != nil || !ended {
			t.Errorf("stop = %v, ended %v", err, ended)
		}
	})
}
