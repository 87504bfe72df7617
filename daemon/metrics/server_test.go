package metrics

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
)

var discardLog = slog.New(slog.DiscardHandler)

// anywhere is a server on a free port.
func anywhere() *Server {
	return NewServer(Config{Listen: "localhost:0"}, false, sources(), discardLog)
}

// running starts a server and returns what stops it and waits.
func running(t *testing.T, s *Server) (stop func()) {
	t.Helper()
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
	return func() { cancel(); served.Wait() }
}

// ask sends a text and returns all that comes back.
func ask(t *testing.T, s *Server, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestServerServesThePageUntilItIsStopped(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := anywhere()
	stop := running(t, s)
	page := ask(t, s, "GET /metrics HTTP/1.1\r\n\r\n")
	for _, want := range []string{
		"\ndispatcher_messages_received_total 12\n", "\ngo_goroutines ", "\nprocess_start_time_seconds ", "\ngo_build_info{",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	stop()
	if _, err := net.Dial("tcp", s.listener.Addr().String()); err == nil {
		t.Error("a server that was stopped is connected to")
	}
}

func TestPageIsReadAsPrometheusReadsIt(t *testing.T) {
	t.Parallel()
	s := anywhere()
	defer running(t, s)()
	for _, path := range []string{"/metrics", "/"} {
		want := strings.NewReader(`
# HELP dispatcher_worker_count_total Number of workers running.
# TYPE dispatcher_worker_count_total counter
dispatcher_worker_count_total 2
# HELP dispatcherd_tasks Tasks that have not ended, by state.
# TYPE dispatcherd_tasks gauge
dispatcherd_tasks{state="blocked"} 3
dispatcherd_tasks{state="delayed"} 1
dispatcherd_tasks{state="queued"} 2
dispatcherd_tasks{state="running"} 1
`)
		err := testutil.ScrapeAndCompare("http://"+s.listener.Addr().String()+path, want, "dispatcher_worker_count_total", "dispatcherd_tasks")
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestStopCutsOffASilentClient(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := anywhere()
	stop := running(t, s)
	conn, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ask(t, s, "GET / HTTP/1.1\r\n\r\n") // connections are accepted in order: conn is served by now
	stop()
	if got, err := io.ReadAll(conn); len(got) > 0 || err != nil {
		t.Errorf("a silent client got %q, %v", got, err)
	}
}

// crowd is a listener that always has another connection.
type crowd struct{ net.Listener }

func (crowd) Accept() (net.Conn, error) { return nil, nil }

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	s := anywhere()
	synctest.Test(t, func(t *testing.T) {
		s.listener = crowd{}
		ctx, cancel := context.WithCancel(t.Context())
		leave := make(chan func(), 2*openConnections)
		var accepts sync.WaitGroup
		accepts.Go(func() {
			if err := s.accept(ctx, func(_ net.Conn, done func()) { leave <- done }); err != nil {
				t.Error(err)
			}
		})
		for range 3 {
			synctest.Wait()
			if got := len(leave); got != openConnections {
				t.Errorf("%d connections are open, want %d", got, openConnections)
			}
			(<-leave)()
		}
		synctest.Wait()
		cancel()
		accepts.Wait()
	})
}

// deaf is a listener that has run out of something for a while.
type deaf struct {
	net.Listener
	failures int
}

func (d *deaf) Accept() (net.Conn, error) {
	if d.failures > 0 {
		d.failures--
		return nil, errors.New("too many open files")
	}
	return nil, net.ErrClosed
}

func TestAcceptThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := anywhere()
	synctest.Test(t, func(t *testing.T) {
		s.listener = &deaf{failures: 3}
		start := time.Now()
		err := s.accept(t.Context(), func(net.Conn, func()) { t.Error("there was a connection") })
		if !errors.Is(err, net.ErrClosed) || time.Since(start) != 3*acceptAgain {
			t.Errorf("accept ended after %v with %v, want it to go on until the listener is closed", time.Since(start), err)
		}
	})
}

func TestAddressThatIsTakenIsAnError(t *testing.T) {
	t.Parallel()
	first := anywhere()
	if err := first.Listen(); err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second := NewServer(Config{Listen: first.listener.Addr().String()}, false, sources(), discardLog)
	if err := second.Listen(); err == nil || !strings.HasPrefix(err.Error(), "metrics: listen tcp") {
		t.Errorf("Listen on a taken address: %v", err)
	}
}

func TestOptionalPageOnATakenAddressIsAnErrorInTheLogOnly(t *testing.T) {
	t.Parallel()
	first := anywhere()
	if err := first.Listen(); err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	var log bytes.Buffer
	second := NewServer(Config{Listen: first.listener.Addr().String()}, true, sources(), slog.New(slog.NewTextHandler(&log, nil)))
	stop := running(t, second)
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=ERROR") || !strings.Contains(got, "address already in use") {
		t.Errorf("logged %q, want one error", got)
	}
	status := second.Status()
	if status["ready"] != false || status["http_server"].(map[string]any)["is_running"] != false {
		t.Errorf("the status is %v, want one that is not ready", status)
	}
	stop()
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
