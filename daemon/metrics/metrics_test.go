package metrics

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"dispatcherd/daemon/dispatch"
	"dispatcherd/pgnotify"
	"dispatcherd/workers"
)

func sources() Sources {
	return Sources{
		Received: func() uint64 { return 12 }, Controls: func() uint64 { return 2 }, Rejected: func() uint64 { return 1 },
		Tasks: func() (dispatch.Stats, error) {
			return dispatch.Stats{
				Accepted: 9, Running: 1, Queued: 2, Blocked: 3, Delayed: 1, OldestQueued: 1500 * time.Millisecond,
				Ended: map[dispatch.Outcome]uint64{dispatch.Succeeded: 1, dispatch.Died: 1},
			}, nil
		},
		Pool: func() workers.Stats {
			return workers.Stats{Busy: 1, Ready: 2, Counts: workers.Counts{Started: 5, FailedStarts: 4, Killed: 3}}
		},
		Postgres: func() pgnotify.Stats { return pgnotify.Stats{Connected: true, Reconnects: 6} },
	}
}

func TestEveryFigureIsOnThePage(t *testing.T) {
	t.Parallel()
	want := `
# HELP dispatcher_control_messages_count_total Control requests that were received.
# TYPE dispatcher_control_messages_count_total counter
dispatcher_control_messages_count_total 2
# HELP dispatcher_messages_received_total Messages that were received, control requests included.
# TYPE dispatcher_messages_received_total counter
dispatcher_messages_received_total 12
# HELP dispatcherd_messages_rejected_total Messages that were dropped because they were no message.
# TYPE dispatcherd_messages_rejected_total counter
dispatcherd_messages_rejected_total 1
# HELP dispatcherd_oldest_queued_seconds How long the first task in the queue has waited for a worker.
# TYPE dispatcherd_oldest_queued_seconds gauge
dispatcherd_oldest_queued_seconds 1.5
# HELP dispatcherd_postgres_connected 1 while the daemon listens to Postgres, else 0.
# TYPE dispatcherd_postgres_connected gauge
dispatcherd_postgres_connected 1
# HELP dispatcherd_postgres_reconnects_total How often the daemon listened again after a loss.
# TYPE dispatcherd_postgres_reconnects_total counter
dispatcherd_postgres_reconnects_total 6
# HELP dispatcherd_tasks Tasks that have not ended, by state.
# TYPE dispatcherd_tasks gauge
dispatcherd_tasks{state="blocked"} 3
dispatcherd_tasks{state="delayed"} 1
dispatcherd_tasks{state="queued"} 2
dispatcherd_tasks{state="running"} 1
# HELP dispatcherd_tasks_accepted_total Tasks that were accepted.
# TYPE dispatcherd_tasks_accepted_total counter
dispatcherd_tasks_accepted_total 9
# HELP dispatcherd_tasks_ended_total Tasks that have ended, by how they ended.
# TYPE dispatcherd_tasks_ended_total counter
dispatcherd_tasks_ended_total{outcome="abandoned"} 0
dispatcherd_tasks_ended_total{outcome="cancelled"} 0
dispatcherd_tasks_ended_total{outcome="died"} 1
dispatcherd_tasks_ended_total{outcome="discarded"} 0
dispatcherd_tasks_ended_total{outcome="failed"} 0
dispatcherd_tasks_ended_total{outcome="succeeded"} 1
dispatcherd_tasks_ended_total{outcome="timed out"} 0
# HELP dispatcherd_worker_kills_total Workers that were killed because they did not end in their grace.
# TYPE dispatcherd_worker_kills_total counter
dispatcherd_worker_kills_total 3
# HELP dispatcherd_worker_starts_total Workers that were started, by whether they became ready.
# TYPE dispatcherd_worker_starts_total counter
dispatcherd_worker_starts_total{result="failed"} 4
dispatcherd_worker_starts_total{result="ready"} 5
# HELP dispatcherd_workers Workers, by state.
# TYPE dispatcherd_workers gauge
dispatcherd_workers{state="busy"} 1
dispatcherd_workers{state="ready"} 2
dispatcherd_workers{state="starting"} 0
dispatcherd_workers{state="stopping"} 0
`
	if err := testutil.CollectAndCompare(&Collector{from: sources()}, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestNamesPassTheLinterButForTheOriginals(t *testing.T) {
	t.Parallel()
	problems, err := testutil.CollectAndLint(&Collector{from: sources()})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if !strings.HasPrefix(p.Metric, "dispatcher_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestScrapeAfterTheDispatcherEndedIsAnErrorAndNoPanic(t *testing.T) {
	t.Parallel()
	from := sources()
	from.Tasks = func() (dispatch.Stats, error) { return dispatch.Stats{}, errors.New("the dispatcher has ended") }
	_, err := gatherer(from).Gather()
	if err == nil || !strings.Contains(err.Error(), "the dispatcher has ended") {
		t.Errorf("scrape: %v", err)
	}
}

func TestServerServesThePageUntilItIsStopped(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := NewServer(Config{Listen: "localhost:0"}, sources(), slog.New(slog.DiscardHandler))
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var served sync.WaitGroup
	served.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + s.listener.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"dispatcher_messages_received_total 12\n", "go_goroutines "} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page has no %q", want)
		}
	}
	cancel()
	served.Wait()
}

func TestAddressThatIsTakenIsAnError(t *testing.T) {
	t.Parallel()
	first := NewServer(Config{Listen: "localhost:0"}, sources(), slog.New(slog.DiscardHandler))
	if err := first.Listen(); err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second := NewServer(Config{Listen: first.listener.Addr().String()}, sources(), slog.New(slog.DiscardHandler))
	if err := second.Listen(); err == nil || !strings.HasPrefix(err.Error(), "metrics: listen tcp") {
		t.Errorf("Listen on a taken address: %v", err)
	}
}

func TestListenMustBeAnAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		listen string
		ok     bool
	}{
		{"localhost:8070", true}, {"[::1]:9", true}, {":8070", true}, {"localhost:0", true},
		{"localhost", false}, {"localhost:http", false}, {"localhost:70000", false}, {"", false}, {"localhost:", false},
	} {
		if err := (Config{Listen: tt.listen}).Validate(); (err == nil) != tt.ok {
			t.Errorf("Validate of listen = %q: %v", tt.listen, err)
		}
	}
}

func TestWithoutPostgresThereAreNoFiguresOfIt(t *testing.T) {
	t.Parallel()
	from := sources()
	from.Postgres = nil
	n, err := testutil.GatherAndCount(gatherer(from), "dispatcherd_postgres_connected", "dispatcherd_postgres_reconnects_total")
	if err != nil || n != 0 {
		t.Errorf("%d figures of Postgres, %v; want none", n, err)
	}
}

func gatherer(from Sources) prometheus.Gatherer {
	registry := prometheus.NewRegistry()
	registry.MustRegister(&Collector{from: from})
	return registry
}
