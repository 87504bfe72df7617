package metrics

import (
	"fmt"
	"net/http"
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
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		a := s.scrape(b.Context(), http.Header{})
		if a.status != http.StatusOK {
			b.Fatalf("status %d: %s", a.status, a.body.String())
		}
		size = a.body.Len()
	}
	b.ReportMetric(float64(size), "bytes/page")
}
