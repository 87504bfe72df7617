package tests

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// withMetrics is the section for a page on a free port.
const withMetrics = `
[metrics]
listen = "localhost:0"
`

var metricsAddress = regexp.MustCompile(`address=(http://\S+)`)

// metrics reads the page and returns the figures by their names with labels.
func (d *daemon) metrics() map[string]float64 {
	d.t.Helper()
	return d.figuresAt(metricsAddress.FindStringSubmatch(d.waitLog("metrics are served"))[1])
}

// figuresAt is metrics for another address.
func (d *daemon) figuresAt(page string) map[string]float64 {
	d.t.Helper()
	resp, err := http.Get(page)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
		body, _ := io.ReadAll(resp.Body)
		d.t.Fatalf("the metrics page answers %s, %s:\n%s", resp.Status, resp.Header.Get("Content-Type"), body)
	}
	figures := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), "} ")
		if ok {
			name += "}"
		} else {
			name, value, _ = strings.Cut(lines.Text(), " ")
		}
		if figure, err := strconv.ParseFloat(value, 64); err == nil && !strings.HasPrefix(name, "#") {
			figures[name] = figure
		}
	}
	if err := lines.Err(); err != nil {
		d.t.Fatal(err)
	}
	return figures
}

// The names of the figures that tests look at.
const (
	metricReceived = "dispatcher_messages_received_total"
	metricControls = "dispatcher_control_messages_count_total"
	metricRejected = "dispatcherd_messages_rejected_total"
	metricFailed   = `dispatcherd_tasks_ended_total{outcome="failed"}`
)

// metricEnded is the figure of the tasks that have ended so.
func metricEnded(outcome string) string {
	return fmt.Sprintf("dispatcherd_tasks_ended_total{outcome=%q}", outcome)
}

// waitMetric waits until a figure is at least want.
func (d *daemon) waitMetric(name string, want float64) {
	d.t.Helper()
	waitFor(d.t, name+" to be "+strconv.FormatFloat(want, 'g', -1, 64), func() bool { return d.metrics()[name] >= want })
}

func TestMetricsPageHasASeriesForEachStateAndOutcome(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1", withMetrics))
	path := d.file("began")
	d.task("app.tasks.nothing")
	d.task("app.tasks.fail", "--arg", `"boom"`)
	d.ctl("run", "app.tasks.nap", "--arg", "60", "--arg", `"`+path+`"`)
	waitFile(t, path, 1)
	d.ctl("run", "app.tasks.nothing")
	d.ctl("run", "app.tasks.nothing", "--delay", "60")
	d.ctl("run", "app.tasks.add", "--on-duplicate", "discard")
	d.ctl("run", "app.tasks.add", "--on-duplicate", "discard")
	d.ctl("run", "app.tasks.add", "--on-duplicate", "serial")
	c := d.connect()
	c.send("[]")
	c.alive()
	got := d.metrics()
	for name, want := range map[string]float64{
		// Each run is two messages: the request, and the task in it.
		metricReceived: 8*2 + 1, metricControls: 8 + 1, metricRejected: 1,
		"dispatcherd_tasks_accepted_total":                   8,
		`dispatcherd_tasks_ended_total{outcome="succeeded"}`: 1,
		metricFailed: 1,
		`dispatcherd_tasks_ended_total{outcome="cancelled"}`: 0,
		metricEnded("timed_out"):                             0,
		metricEnded("killed"):                                0,
		`dispatcherd_tasks_ended_total{outcome="discarded"}`: 1,
		`dispatcherd_tasks_ended_total{outcome="abandoned"}`: 0,
		`dispatcherd_tasks{state="running"}`:                 1,
		`dispatcherd_tasks{state="queued"}`:                  2,
		`dispatcherd_tasks{state="blocked"}`:                 1,
		`dispatcherd_tasks{state="delayed"}`:                 1,
		`dispatcherd_workers{state="starting"}`:              0,
		`dispatcherd_workers{state="ready"}`:                 0,
		`dispatcherd_workers{state="busy"}`:                  1,
		`dispatcherd_workers{state="stopping"}`:              0,
		`dispatcherd_worker_starts_total{result="ready"}`:    1,
		`dispatcherd_worker_starts_total{result="failed"}`:   0,
		"dispatcherd_worker_kills_total":                     0,
	} {
		if figure, ok := got[name]; !ok || figure != want {
			t.Errorf("%s is %v (there: %v), want %v", name, figure, ok, want)
		}
	}
	for _, name := range []string{"dispatcherd_oldest_queued_seconds", "process_resident_memory_bytes", "go_goroutines"} {
		if got[name] <= 0 {
			t.Errorf("%s is %v, want more than 0", name, got[name])
		}
	}
	d.ctl("cancel", "--all")
}
