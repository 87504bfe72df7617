package metrics

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/daemon/dispatch"
)

const getPage = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"

// exchange has the server serve a client that sends a text, and then a stop.
func exchange(t *testing.T, s *Server, text string) string {
	t.Helper()
	stop := running(t, s)
	defer stop() // the last counting is done when it returns
	return ask(t, s, text)
}

// wantCounts compares what was counted, but for zeros.
func wantCounts(t *testing.T, s *Server, want map[string]any) {
	t.Helper()
	got := map[string]any{}
	for name, n := range s.Status()["http_server"].(map[string]any) {
		if n != uint64(0) && n != false {
			got[name] = n
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts: -want +got\n%s", diff)
	}
}

func TestWhatIsNotThePageIsNotFoundAsInTheOriginal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, request, body string }{
		{"another method", "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", "Not Found"},
		{"no path", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "Not Found"},
		{"another path", "GET /nonsense HTTP/1.1\r\nHost: x\r\n\r\n", "Not Found"},
		{"a path that is nearly one", "GET //metrics HTTP/1.1\r\nHost: x\r\n\r\n", "Not Found"},
		{"a query", "GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", "Not Found"},
		{"no UTF-8", "GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", "Not Found"},
		{"HEAD", "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := anywhere()
			head, body, _ := strings.Cut(exchange(t, s, tt.request), "\r\n\r\n")
			want := "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 9\r\nConnection: close"
			if diff := cmp.Diff(want, withoutDate(t, head)); diff != "" || body != tt.body {
				t.Errorf("body %q, want %q; head: -want +got\n%s", body, tt.body, diff)
			}
			wantCounts(t, s, map[string]any{"connections_total": uint64(1), "not_found_responses": uint64(1)})
		})
	}
}

// withoutDate drops the line of the date, which has to be there.
func withoutDate(t *testing.T, head string) string {
	t.Helper()
	date := regexp.MustCompile("\r\nDate: [^\r]+ GMT")
	if !date.MatchString(head) {
		t.Errorf("there is no date in %q", head)
	}
	return date.ReplaceAllString(head, "")
}

func TestBadRequestIsAnsweredByNetHTTP(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, request, want string }{
		{"two words", "GET /metrics\r\nHost: x\r\n\r\n", "400 Bad Request"},
		{"four words", "GET /metrics or so HTTP/1.1\r\nHost: x\r\n\r\n", "400 Bad Request"},
		{"an empty line", "\r\n", "400 Bad Request"},
		{"a header that is none", "GET /metrics HTTP/1.1\r\nHost: x\r\nthis is no header\r\n\r\n", "400 Bad Request"},
		{"no host", "GET /metrics HTTP/1.1\r\n\r\n", "400 Bad Request: missing required Host header"},
		{"a long header", "GET /metrics HTTP/1.1\r\nA: " + strings.Repeat("x", 2*longestHead) + "\r\n\r\n", "431 Request Header Fields Too Large"},
		{"many headers", "GET /metrics HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", longestHead/3), "431 Request Header Fields Too Large"},
		{"a line without end", strings.Repeat("x", 2*longestHead), "431 Request Header Fields Too Large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := anywhere()
			got := exchange(t, s, tt.request)
			want := "HTTP/1.1 " + tt.want + "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n" + tt.want
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("answer: -want +got\n%s", diff)
			}
			wantCounts(t, s, map[string]any{"connections_total": uint64(1), "bad_requests": uint64(1)})
		})
	}
}

// net/http takes a line that breaks off for one that is bad.
func TestSilentClientIsHungUpOn(t *testing.T) {
	t.Parallel()
	s := anywhere()
	stop := running(t, s)
	start := time.Now()
	sent := []string{"", "GET /metrics HTTP/1.1\r\n", getPage[:len(getPage)-2], "GET /met", "GET /metrics HTTP/1.1\r\nHost"}
	answers := []string{"", "", "", "HTTP/1.1 400 Bad Request", "HTTP/1.1 400 Bad Request"}
	var clients []*net.TCPConn
	for _, text := range sent {
		conn := dial(t, s)
		defer conn.Close()
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, conn)
	}
	for i, conn := range clients {
		got, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		status, _, _ := strings.Cut(string(got), "\r\n")
		if after := time.Since(start); status != answers[i] || after < patience || after >= patience+writeBound {
			t.Errorf("after %q it got %q at %v, want %q at %v", sent[i], status, after, answers[i], patience)
		}
	}
	stop()
	wantCounts(t, s, map[string]any{"connections_total": uint64(5), "request_timeouts": uint64(5)})
}

// leave sends a text and no more, and returns all that comes back.
func leave(t *testing.T, s *Server, text string) string {
	t.Helper()
	defer running(t, s)()
	conn := dial(t, s)
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestClientThatLeavesIsCounted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, sent, status, count string }{
		{"before its request", "", "", "client_disconnects"},
		{"within its request line", "GET /met", "HTTP/1.1 400 Bad Request", "bad_requests"},
		{"within its headers", "GET /metrics HTTP/1.1\r\nAccept: x", "HTTP/1.1 400 Bad Request", "bad_requests"},
		{"after its request", getPage, "HTTP/1.1 200 OK", "metrics_requests_served"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := anywhere()
			status, _, _ := strings.Cut(leave(t, s, tt.sent), "\r\n")
			if status != tt.status {
				t.Errorf("status %q, want %q", status, tt.status)
			}
			wantCounts(t, s, map[string]any{"connections_total": uint64(1), tt.count: uint64(1)})
		})
	}
}

// read sends a request with headers and reads the answer as a client does.
func read(t *testing.T, s *Server, target string, headers ...string) (*http.Response, string) {
	t.Helper()
	text := ask(t, s, "GET "+target+" HTTP/1.1\r\nHost: x\r\n"+strings.Join(append(headers, "\r\n"), "\r\n"))
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(text)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestPageHasTheOriginalsTypeUnlessAnotherIsAskedFor(t *testing.T) {
	t.Parallel()
	const plain = "text/plain; version=0.0.4; charset=utf-8"
	s := anywhere()
	stop := running(t, s)
	for _, tt := range []struct{ name, target, header, want, end string }{
		{"no header", "/metrics", "X: y", plain, "\n"},
		{"the root", "/", "X: y", plain, "\n"},
		{"a browser", "/", "Accept: text/html,application/xhtml+xml,*/*;q=0.8", plain, "\n"},
		{"plain text", "/metrics", "Accept: text/plain", plain, "\n"},
		{"OpenMetrics", "/metrics", "Accept: application/openmetrics-text; version=1.0.0", "application/openmetrics-text; version=1.0.0; charset=utf-8", "# EOF\n"},
		{"a server of today", "/metrics", "Accept: text/plain;version=0.0.4;escaping=underscores", plain + "; escaping=underscores", "\n"},
	} {
		response, body := read(t, s, tt.target, tt.header)
		if got := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || got != tt.want {
			t.Errorf("%s: %s, %s, want 200 and %s", tt.name, response.Status, got, tt.want)
		}
		if response.ContentLength != int64(len(body)) || !strings.HasSuffix(body, tt.end) || !strings.Contains(body, "dispatcher_messages_received_total 12") {
			t.Errorf("%s: %d bytes of which %d are announced, with the end %q", tt.name, len(body), response.ContentLength, body[max(0, len(body)-20):])
		}
	}
	stop()
	wantCounts(t, s, map[string]any{"connections_total": uint64(6), "metrics_requests_served": uint64(6)})
}

func TestHeadOfThePageHasTheOriginalsHeadersAndADate(t *testing.T) {
	t.Parallel()
	head, body, _ := strings.Cut(exchange(t, anywhere(), getPage), "\r\n\r\n")
	want := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nConnection: close", len(body))
	if diff := cmp.Diff(want, withoutDate(t, head)); diff != "" {
		t.Errorf("head: -want +got\n%s", diff)
	}
}

func TestPageIsCompressedIfThatIsAskedFor(t *testing.T) {
	t.Parallel()
	s := anywhere()
	defer running(t, s)()
	response, body := read(t, s, "/metrics", "Accept-Encoding: gzip")
	if response.Header.Get("Content-Encoding") != "gzip" || !strings.HasPrefix(body, "\x1f\x8b") {
		t.Errorf("the page is encoded as %q and begins with %q", response.Header.Get("Content-Encoding"), body[:2])
	}
}

func TestFiguresThatCannotBeHadAreAnError(t *testing.T) {
	t.Parallel()
	from := sources()
	from.Tasks = func() (dispatch.Stats, error) { return dispatch.Stats{}, errors.New("the dispatcher has ended") }
	s := NewServer(DefaultConfig(), false, from, discardLog)
	stop := running(t, s)
	response, body := read(t, s, "/metrics")
	if form := response.Header.Get("Content-Type"); response.StatusCode != http.StatusInternalServerError || form != "text/plain; charset=utf-8" || body != "Error generating metrics" {
		t.Errorf("answer %s of %s: %q, want a 500 in plain text", response.Status, form, body)
	}
	stop()
	wantCounts(t, s, map[string]any{"connections_total": uint64(1), "internal_errors": uint64(1)})
}

func TestStatusIsInTheOriginalsWords(t *testing.T) {
	t.Parallel()
	s := anywhere()
	defer running(t, s)()
	ask(t, s, getPage)
	port := s.listener.Addr().(*net.TCPAddr).Port
	want := map[string]any{
		"host": "localhost", "port": port, "ready": true,
		"http_server": map[string]any{
			"connections_total": uint64(1), "metrics_requests_served": uint64(1), "bad_requests": uint64(0),
			"internal_errors": uint64(0), "not_found_responses": uint64(0), "client_disconnects": uint64(0),
			"request_timeouts": uint64(0), "is_running": true,
		},
	}
	if diff := cmp.Diff(want, s.Status()); diff != "" {
		t.Errorf("status: -want +got\n%s", diff)
	}
}
