package metrics

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"dispatcherd/daemon/dispatch"
	"dispatcherd/workers"
)

// BenchmarkScrape is a page with as many workers and names as there may be.
func BenchmarkScrape(b *testing.B) {
	from := sources()
	var all []workers.Info
	for id := range 64 {
		all = append(all, workers.Info{ID: id, State: workers.Ready})
	}
	from.Workers = func() []workers.Info { return all }
	timings, err := from.Timings()
	if err != nil {
		b.Fatal(err)
	}
	for i := range 100 {
		timings.ByName[fmt.Sprintf("app.tasks.number_%d", i)] = timings.ByName["app.tasks.add"]
	}
	from.Timings = func() (dispatch.Timings, error) { return timings, nil }
	s := NewServer(DefaultConfig(), false, from, discardLog)
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		got := httptest.NewRecorder()
		s.page.ServeHTTP(got, request)
		if got.Code != http.StatusOK {
			b.Fatalf("status %d: %s", got.Code, got.Body)
		}
		size = got.Body.Len()
	}
	b.ReportMetric(float64(size), "bytes/page")
}
