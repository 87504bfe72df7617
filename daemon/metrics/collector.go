package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/message"
	"dispatcherd/pgnotify"
	"dispatcherd/workers"
	"dispatcherd/workers/supervisor"
)

// Sources is where the figures are asked for at each scrape.
type Sources struct {
	Received, Controls, Rejected func() uint64
	Chunks                       func() message.ChunkStats
	Tasks                        func() (dispatch.Stats, error)
	Timings                      func() (dispatch.Timings, error)
	Pool                         func() workers.Stats
	Workers                      func() []workers.Info
	// Usage measures the workers, each and all together.
	Usage func() ([]supervisor.Usage, supervisor.Totals, error)
	// Postgres is nil where it is not used.
	Postgres func() pgnotify.Stats
}

// Collector pulls a snapshot of every part when it is scraped.
type Collector struct {
	from Sources
}

var _ prometheus.Collector = (*Collector)(nil)

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, s := range table {
		ch <- s.desc
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	p := &page{ch}
	p.original(c.from)
	p.set(rejected, float64(c.from.Rejected()))
	p.chunks(c.from.Chunks())
	p.pool(c.from.Pool())
	if each, all, err := c.from.Usage(); err == nil { // without a supervisor there is nothing to measure
		p.usage(each, all)
	}
	if c.from.Postgres != nil {
		p.postgres(c.from.Postgres())
	}
	stats, err := c.from.Tasks()
	if err == nil {
		p.tasks(stats)
		var timings dispatch.Timings
		if timings, err = c.from.Timings(); err == nil {
			p.timings(timings)
		}
	}
	if err != nil {
		ch <- prometheus.NewInvalidMetric(tasks.desc, err)
	}
}

// page is one scrape.
type page struct {
	ch chan<- prometheus.Metric
}

// set writes a figure of a counter or a gauge.
func (p *page) set(s series, v float64, labels ...string) {
	kind := prometheus.GaugeValue
	if s.kind == "counter" {
		kind = prometheus.CounterValue
	}
	p.ch <- prometheus.MustNewConstMetric(s.desc, kind, v, labels...)
}

// times writes a histogram, whose buckets count upwards on the page.
func (p *page) times(s series, h dispatch.Histogram, labels ...string) {
	var count uint64
	buckets := make(map[float64]uint64, len(dispatch.Bounds))
	for i, bound := range dispatch.Bounds {
		count += h.Buckets[i]
		buckets[bound.Seconds()] = count
	}
	count += h.Buckets[len(dispatch.Bounds)]
	p.ch <- prometheus.MustNewConstHistogram(s.desc, count, h.Sum, buckets, labels...)
}

func (p *page) chunks(s message.ChunkStats) {
	p.set(chunks, float64(s.Received))
	p.set(joined, float64(s.Successful), "joined")
	p.set(joined, float64(s.Errored-s.Dropped), "failed")
	p.set(joined, float64(s.TimedOut), "expired")
	p.set(joined, float64(s.Dropped), "dropped")
	p.set(joined, float64(s.Repeated), "repeated")
	p.set(partial, float64(s.Active))
	p.set(conflicts, float64(s.Conflicts))
}

func (p *page) tasks(s dispatch.Stats) {
	p.set(accepted, float64(s.Accepted))
	for state, n := range map[dispatch.State]int{
		dispatch.Running: s.Running, dispatch.Queued: s.Queued, dispatch.Blocked: s.Blocked, dispatch.Delayed: s.Delayed,
	} {
		p.set(tasks, float64(n), state.String())
	}
	for _, outcome := range dispatch.Outcomes {
		p.set(ended, float64(s.Ended[outcome]), string(outcome))
	}
	p.set(oldest, s.OldestQueued.Seconds())
	p.set(waiting, float64(s.Queue.Tasks))
	p.set(waitBytes, float64(s.Queue.Bytes))
	p.set(queueFull, truth(s.Queue.Full))
	p.set(queuePaused, truth(s.Queue.Paused))
}

func (p *page) timings(s dispatch.Timings) {
	for name, timing := range s.ByName {
		p.times(waitTime, timing.Wait, name)
		p.times(runTime, timing.Run, name)
		for outcome, n := range timing.Ended {
			p.set(ends, float64(n), name, string(outcome))
		}
		p.set(taskCPU, timing.CPU, name)
		p.set(taskPeak, float64(timing.MemoryPeak), name)
		p.set(taskOOM, float64(timing.OOMKills), name)
	}
	p.times(lateness, s.Late)
}

func (p *page) pool(s workers.Stats) {
	for state, n := range map[workers.State]int{
		workers.Starting: s.Starting, workers.Ready: s.Ready, workers.Busy: s.Busy, workers.Stopping: s.Stopping,
	} {
		p.set(pool, float64(n), string(state))
	}
	p.set(starts, float64(s.Started), "ready")
	p.set(starts, float64(s.FailedStarts), "failed")
	p.set(retired, float64(s.Retired))
	p.set(killed, float64(s.Killed))
}

func (p *page) postgres(s pgnotify.Stats) {
	p.set(listens, truth(s.Connected))
	p.set(notified, float64(s.Received))
	p.set(relisten, float64(s.Reconnects))
	p.set(outage, s.Outages.Seconds())
	p.ch <- prometheus.MustNewConstSummary(selfCheck.desc, uint64(s.SelfCheck.Count), s.SelfCheck.Total.Seconds(), nil)
	p.set(slowCheck, s.SelfCheck.Max.Seconds())
}

// truth is a fact as a gauge.
func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
