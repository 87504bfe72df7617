package metrics

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"dispatcherd/daemon/dispatch"
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
	return serving(t, s)
}

// serving runs a server that listens.
func serving(t *testing.T, s *Server) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var served sync.WaitGroup
	served.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	return func() { cancel(); served.Wait() }
}

func dial(t *testing.T, s *Server) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// ask sends a text and returns all that comes back.
func ask(t *testing.T, s *Server, text string) string {
	t.Helper()
	conn := dial(t, s)
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
	page := ask(t, s, getPage)
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

func TestStopLetsAScrapeEnd(t *testing.T) {
	t.Parallel()
	from := sources()
	asked, stopping, tasks := make(chan struct{}), make(chan struct{}), from.Tasks
	from.Tasks = func() (dispatch.Stats, error) {
		close(asked)
		<-stopping
		return tasks()
	}
	s := NewServer(Config{Listen: "localhost:0"}, false, from, discardLog)
	s.http.RegisterOnShutdown(func() { close(stopping) })
	stop := running(t, s)
	conn := dial(t, s)
	defer conn.Close()
	if _, err := io.WriteString(conn, getPage); err != nil {
		t.Fatal(err)
	}
	<-asked
	stop()
	if got, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 200 OK\r\n") {
		t.Errorf("a scrape during the stop got %q, %v", got, err)
	}
}

func TestStopCutsOffASilentClient(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := anywhere()
	stop := running(t, s)
	start := time.Now()
	conn := dial(t, s)
	defer conn.Close()
	ask(t, s, getPage) // connections are accepted in order: conn is served by now
	stop()
	if took := time.Since(start); took >= patience {
		t.Errorf("the stop took %v, as long as a silent client may", took)
	}
	if got, err := io.ReadAll(conn); len(got) > 0 || err != nil {
		t.Errorf("a silent client got %q, %v", got, err)
	}
}

// greeted is a listener that says when it has let somebody in.
type greeted struct {
	net.Listener
	in chan struct{}
}

func (g greeted) Accept() (net.Conn, error) {
	conn, err := g.Listener.Accept()
	if err == nil {
		g.in <- struct{}{}
	}
	return conn, err
}

func TestConnectionsAreBounded(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := anywhere()
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	in := make(chan struct{}, 2*openConnections)
	s.listener = greeted{s.listener, in}
	defer serving(t, s)()
	var crowd []*net.TCPConn
	for range openConnections + 1 {
		conn := dial(t, s)
		defer conn.Close()
		crowd = append(crowd, conn)
	}
	for range openConnections {
		<-in
	}
	late := crowd[openConnections]
	if _, err := io.WriteString(late, getPage); err != nil {
		t.Fatal(err)
	}
	if got := len(s.slots); got != openConnections || len(in) > 0 {
		t.Errorf("%d connections are open and %d more, want %d", got, len(in), openConnections)
	}
	crowd[0].Close()
	if got, err := io.ReadAll(late); err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 200 OK\r\n") {
		t.Errorf("the one that waited got %q, %v", got, err)
	}
}

// deaf is a listener that has run out of something for a while.
type deaf struct {
	net.Listener
	failures int
}

func (d *deaf) Accept() (net.Conn, error) {
	if d.failures > 0 {
		d.failures--
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return d.Listener.Accept()
}

func TestAcceptThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := anywhere()
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	s.listener = &deaf{s.listener, 3}
	defer serving(t, s)()
	if got := ask(t, s, getPage); !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") {
		t.Errorf("after three failures the answer is %q", got)
	}
}

func TestPageWhoseListenerIsLostIsAnError(t *testing.T) {
	t.Parallel()
	s := anywhere()
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); !errors.Is(err, net.ErrClosed) || !strings.HasPrefix(err.Error(), "metrics: ") {
		t.Errorf("Run without a listener = %v, want %v", err, net.ErrClosed)
	}
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
