package daemon

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"dispatcherd/control"
	"dispatcherd/pgnotify"
)

func TestReplyOverPostgresWaitsForRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newPostgresSource(pgnotify.DefaultConfig(), control.ReadOnly, slog.New(slog.DiscardHandler))
		for len(s.replies) < cap(s.replies) {
			if err := s.reply(t.Context(), "there", nil); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan error, 1)
		go func() { done <- s.reply(t.Context(), "there", nil) }()
		time.Sleep(roomBound / 2)
		<-s.replies
		if err := <-done; err != nil {
			t.Errorf("a reply for which there was room after a while: %v", err)
		}
		began := time.Now()
		if err := s.reply(t.Context(), "there", nil); err == nil || time.Since(began) != roomBound {
			t.Errorf("a reply for which there was no room: %v after %v, want an error after %v", err, time.Since(began), roomBound)
		}
	})
}
