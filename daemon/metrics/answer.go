package metrics

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := r.Context().Value(visitKey{}).(*visit)
	if r.Method != http.MethodGet || r.RequestURI != "/metrics" && r.RequestURI != "/" {
		v.became(&s.counts.notFound)
		plain(w, http.StatusNotFound, "Not Found")
		return
	}
	a := &answer{ResponseWriter: w, status: http.StatusOK}
	s.page.ServeHTTP(a, r)
	if a.status != http.StatusOK {
		v.became(&s.counts.broken) // why is in the log
		plain(w, http.StatusInternalServerError, "Error generating metrics")
		return
	}
	v.became(&s.counts.served)
	if !strings.Contains(r.Header.Get("Accept"), "escaping=") { // then it is of the original's type
		form, _, _ := strings.Cut(w.Header().Get("Content-Type"), "; escaping=")
		w.Header().Set("Content-Type", form)
	}
	w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	_, _ = w.Write(a.body.Bytes()) // a client that has left misses nothing
}

// plain answers with a line of text without its end.
func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// answer holds the page back until all of it is there.
type answer struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *answer) Write(text []byte) (int, error) { return a.body.Write(text) }
