package metrics

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/daemon/dispatch"
)

const getPage = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"

// exchange has the server serve one connection, on which the client sends the
// pieces with pauses between them, and returns the answer. In a bubble, time is fake.
func exchange(t *testing.T, s *Server, pause time.Duration, pieces ...string) string {
	t.Helper()
	client, server := net.Pipe()
	var served sync.WaitGroup
	served.Go(func() { s.serve(t.Context(), server) })
	served.Go(func() {
		for i, piece := range pieces {
			if i > 0 {
				time.Sleep(pause)
			}
			if _, err := io.WriteString(client, piece); err != nil {
				return // it was answered before all was sent
			}
		}
	})
	got, err := io.ReadAll(client)
	if err != nil {
		t.Error(err)
	}
	client.Close()
	served.Wait()
	return string(got)
}

func bubble(t *testing.T, test func(t *testing.T, s *Server)) {
	t.Helper()
	s := anywhere() // outside: the registry's collectors know no bubble
	synctest.Test(t, func(t *testing.T) { test(t, s) })
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

func wrong(status, text string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, len(text), text)
}

func TestWhatIsNotThePageIsAnsweredAsTheOriginalDoes(t *testing.T) {
	t.Parallel()
	notFound, bad := wrong("404 Not Found", "Not Found"), wrong("400 Bad Request", "Bad Request")
	for _, tt := range []struct{ name, request, want, count string }{
		{"another method", "POST /metrics HTTP/1.1\r\n\r\n", notFound, "not_found_responses"},
		{"another path", "GET /nonsense HTTP/1.1\r\n\r\n", notFound, "not_found_responses"},
		{"a query", "GET /metrics?x=1 HTTP/1.1\r\n\r\n", notFound, "not_found_responses"},
		{"HEAD", "HEAD /metrics HTTP/1.1\r\n\r\n", strings.TrimSuffix(notFound, "Not Found"), "not_found_responses"},
		{"two words", "GET /metrics\r\n", bad, "bad_requests"},
		{"an empty line", "\r\n", bad, "bad_requests"},
		{"no UTF-8", "GET /\xff HTTP/1.1\r\n", bad, "bad_requests"},
		{"a long header", "GET /metrics HTTP/1.1\r\nA: " + strings.Repeat("x", longestHead) + "\r\n\r\n",
			wrong("431 Request Header Fields Too Large", "Request Header Fields Too Large"), "bad_requests"},
		{"many headers", "GET /metrics HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", longestHead/6),
			wrong("431 Request Header Fields Too Large", "Request Header Fields Too Large"), "bad_requests"},
		{"a line without end", strings.Repeat("x", longestHead+1),
			wrong("431 Request Header Fields Too Large", "Request Header Fields Too Large"), "bad_requests"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := anywhere()
			if diff := cmp.Diff(tt.want, exchange(t, s, 0, tt.request)); diff != "" {
				t.Errorf("answer: -want +got\n%s", diff)
			}
			wantCounts(t, s, map[string]any{"connections_total": uint64(1), tt.count: uint64(1)})
		})
	}
}

func TestSilentClientIsToldSoAfterFiveSeconds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		pause  time.Duration
		pieces []string
		after  time.Duration
	}{
		{"before the request line", 0, nil, 5 * time.Second},
		{"within the request line", 0, []string{"GET /met"}, 5 * time.Second},
		{"before the headers", 4 * time.Second, []string{"", "GET /metrics HTTP/1.1\r\n"}, 9 * time.Second},
		{"within the headers", 4 * time.Second, []string{"GET /metrics HTTP/1.1\r\n", "A: b\r\n"}, 9 * time.Second},
		{"drop by drop", 4 * time.Second, []string{"GET / HTTP/1.1\r\n", "A: b\r\n", "A: b\r\n", "A: b\r\n", "A: b\r\n", "\r\n"}, 15 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, s *Server) {
				start := time.Now()
				got := exchange(t, s, tt.pause, tt.pieces...)
				if want := wrong("408 Request Timeout", "Request Timeout"); got != want {
					t.Errorf("answer %q, want %q", got, want)
				}
				if after := time.Since(start); after < tt.after || after > tt.after+4*time.Second {
					t.Errorf("it was answered after %v, want %v", after, tt.after)
				}
				wantCounts(t, s, map[string]any{"connections_total": uint64(1), "request_timeouts": uint64(1)})
			})
		})
	}
}

func TestClientThatLeavesGetsNoAnswer(t *testing.T) {
	t.Parallel()
	for _, sent := range []string{"", "GET /metrics HTTP/1.1\r\n", "GET /metrics HTTP/1.1\r\nAccept: x"} {
		s := anywhere()
		client, server := net.Pipe()
		var served sync.WaitGroup
		served.Go(func() { s.serve(t.Context(), server) })
		if _, err := io.WriteString(client, sent); err != nil {
			t.Error(err)
		}
		client.Close()
		served.Wait()
		wantCounts(t, s, map[string]any{"connections_total": uint64(1), "client_disconnects": uint64(1)})
	}
}

// read sends a request with headers and reads the answer as a client does.
func read(t *testing.T, s *Server, target string, headers ...string) (*http.Response, string) {
	t.Helper()
	text := exchange(t, s, 0, "GET "+target+" HTTP/1.1\r\n"+strings.Join(append(headers, "\r\n"), "\r\n"))
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
	for _, tt := range []struct{ name, target, header, want, end string }{
		{"no header", "/metrics", "X: y", plain, "\n"},
		{"the root", "/", "X: y", plain, "\n"},
		{"a browser", "/", "Accept: text/html,application/xhtml+xml,*/*;q=0.8", plain, "\n"},
		{"plain text", "/metrics", "Accept: text/plain", plain, "\n"},
		{"a header that is none", "/metrics", "this is no header", plain, "\n"},
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
	wantCounts(t, s, map[string]any{"connections_total": uint64(7), "metrics_requests_served": uint64(7)})
}

func TestHeadOfThePageIsInTheOriginalsOrder(t *testing.T) {
	t.Parallel()
	head, body, _ := strings.Cut(exchange(t, anywhere(), 0, getPage), "\r\n\r\n")
	want := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: %d\r\nConnection: close", len(body))
	if diff := cmp.Diff(want, head); diff != "" {
		t.Errorf("head: -want +got\n%s", diff)
	}
}

func TestPageIsCompressedIfThatIsAskedFor(t *testing.T) {
	t.Parallel()
	response, body := read(t, anywhere(), "/metrics", "Accept-Encoding: gzip")
	if response.Header.Get("Content-Encoding") != "gzip" || !strings.HasPrefix(body, "\x1f\x8b") {
		t.Errorf("the page is encoded as %q and begins with %q", response.Header.Get("Content-Encoding"), body[:2])
	}
}

func TestFiguresThatCannotBeHadAreAnError(t *testing.T) {
	t.Parallel()
	from := sources()
	from.Tasks = func() (dispatch.Stats, error) { return dispatch.Stats{}, errors.New("the dispatcher has ended") }
	s := NewServer(DefaultConfig(), false, from, discardLog)
	if got, want := exchange(t, s, 0, getPage), wrong("500 Internal Server Error", "Error generating metrics"); got != want {
		t.Errorf("answer %q, want %q", got, want)
	}
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
