package daemon

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/policy"
)

// partOf is one part of a message of nine.
func partOf(id string, index int) Incoming {
	return Incoming{Payload: fmt.Appendf(nil,
		`{"__dispatcherd_chunk__": "v1", "message_id": %q, "index": %d, "total": 9, "payload": "x"}`, id, index)}
}

func TestPartsThatDoNotComeAreGivenUpByATimer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		timeout time.Duration
		want    []string // the words of each line
	}{
		{time.Minute, []string{`message \"one\" dropped after 1m0s: received chunks 0, 4-5 of 9`, `message \"two\" dropped after 1m0s: received chunks 0 of 9`}},
		{0, nil},
	} {
		t.Run(tt.timeout.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log := &bytes.Buffer{}
				quiet := slog.New(slog.DiscardHandler)
				in := newIntake("node", tt.timeout, policy.New(policy.Config{}), dispatch.New(busyRunner{}, quiet), slog.New(slog.NewTextHandler(log, nil)))
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() {
					if err := in.run(ctx); err != nil {
						t.Error(err)
					}
				})
				for _, i := range []int{5, 0, 4} {
					in.handle(ctx, partOf("one", i))
				}
				time.Sleep(20 * time.Second)
				in.handle(ctx, partOf("two", 0))
				time.Sleep(40*time.Second - 1)
				synctest.Wait()
				if n := in.rejected.Load(); n > 0 {
					t.Errorf("%d messages were given up too early", n)
				}
				time.Sleep(20*time.Second + 1)
				synctest.Wait()
				if n := in.rejected.Load(); n != uint64(len(tt.want)) {
					t.Errorf("%d messages were rejected, want %d", n, len(tt.want))
				}
				time.Sleep(1000 * time.Hour)
				cancel()
				running.Wait()
				if n := in.assembler.Stats().Active; n != 2-len(tt.want) {
					t.Errorf("%d messages are left", n)
				}
				lines := slices.Collect(strings.Lines(log.String()))
				if len(lines) != len(tt.want) {
					t.Fatalf("the log is\n%s\nwant lines with %q", log, tt.want)
				}
				for i, want := range tt.want {
					if !strings.Contains(lines[i], want) {
						t.Errorf("line %d is %s, want %s", i, lines[i], want)
					}
				}
			})
		})
	}
}
