package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"dispatcherd/daemon/dispatch"
	"dispatcherd/pgnotify"
	"dispatcherd/workers"
)

// Sources is where the figures are asked for at each scrape.
type Sources struct {
	Received, Controls, Rejected func() uint64
	Tasks                        func() (dispatch.Stats, error)
	Pool                         func() workers.Stats
	// Postgres is nil where it is not used.
	Postgres func() pgnotify.Stats
}

// Collector pulls a snapshot of every part when it is scraped.
type Collector struct {
	from Sources
}

var _ prometheus.Collector = (*Collector)(nil)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Every metric that there is.
var (
	received = desc("dispatcher_messages_received_total", "Messages that were received, control requests included.")
	controls = desc("dispatcher_control_messages_count_total", "Control requests that were received.")
	rejected = desc("dispatcherd_messages_rejected_total", "Messages that were dropped because they were no message.")
	accepted = desc("dispatcherd_tasks_accepted_total", "Tasks that were accepted.")
	ended    = desc("dispatcherd_tasks_ended_total", "Tasks that have ended, by how they ended.", "outcome")
	tasks    = desc("dispatcherd_tasks", "Tasks that have not ended, by state.", "state")
	oldest   = desc("dispatcherd_oldest_queued_seconds", "How long the first task in the queue has waited for a worker.")
	pool     = desc("dispatcherd_workers", "Workers, by state.", "state")
	starts   = desc("dispatcherd_worker_starts_total", "Workers that were started, by whether they became ready.", "result")
	listens  = desc("dispatcherd_postgres_connected", "1 while the daemon listens to Postgres, else 0.")
	relisten = desc("dispatcherd_postgres_reconnects_total", "How often the daemon listened again after a loss.")
	killed   = desc("dispatcherd_worker_kills_total", "Workers that were killed because they did not end in their grace.")
)

// outcomes are the values of the label outcome.
var outcomes = []dispatch.Outcome{
	dispatch.Succeeded, dispatch.Failed, dispatch.Cancelled, dispatch.TimedOut, dispatch.Died,
	dispatch.Discarded, dispatch.Abandoned,
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{received, controls, rejected, accepted, ended, tasks, oldest, pool, starts, killed, listens, relisten} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count(received, float64(c.from.Received()))
	count(controls, float64(c.from.Controls()))
	count(rejected, float64(c.from.Rejected()))

	if c.from.Postgres != nil {
		s := c.from.Postgres()
		connected := 0.0
		if s.Connected {
			connected = 1
		}
		gauge(listens, connected)
		count(relisten, float64(s.Reconnects))
	}
	p := c.from.Pool()
	for state, n := range map[workers.State]int{
		workers.Starting: p.Starting, workers.Ready: p.Ready, workers.Busy: p.Busy, workers.Stopping: p.Stopping,
	} {
		gauge(pool, float64(n), string(state))
	}
	count(starts, float64(p.Started), "ready")
	count(starts, float64(p.FailedStarts), "failed")
	count(killed, float64(p.Killed))

	t, err := c.from.Tasks()
	if err != nil {
		ch <- prometheus.NewInvalidMetric(tasks, err)
		return
	}
	count(accepted, float64(t.Accepted))
	for _, outcome := range outcomes {
		count(ended, float64(t.Ended[outcome]), string(outcome))
	}
	for state, n := range map[string]int{"running": t.Running, "queued": t.Queued, "blocked": t.Blocked, "delayed": t.Delayed} {
		gauge(tasks, float64(n), state)
	}
	gauge(oldest, t.OldestQueued.Seconds())
}
