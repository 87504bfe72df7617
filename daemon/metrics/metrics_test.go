package metrics

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/message"
	"dispatcherd/pgnotify"
	"dispatcherd/workers"
	"dispatcherd/workers/supervisor"
)

func sources() Sources {
	return Sources{
		Received: func() uint64 { return 12 }, Controls: func() uint64 { return 2 }, Rejected: func() uint64 { return 1 },
		Chunks: func() message.ChunkStats {
			return message.ChunkStats{Received: 20, Successful: 3, Errored: 5, TimedOut: 4, Dropped: 1, Repeated: 2, Conflicts: 6, Active: 7}
		},
		Tasks: func() (dispatch.Stats, error) {
			return dispatch.Stats{
				Accepted: 11, Running: 1, Queued: 2, Blocked: 3, Delayed: 1, OldestQueued: 1500 * time.Millisecond,
				Queue: dispatch.Queue{Tasks: 7, Bytes: 8000, Full: true},
				Ended: map[dispatch.Outcome]uint64{dispatch.Succeeded: 1, dispatch.OOMKilled: 1, dispatch.CarriedOut: 2},
			}, nil
		},
		Timings: func() (dispatch.Timings, error) {
			wait := dispatch.Histogram{Sum: 1.5}
			wait.Buckets[0], wait.Buckets[6] = 2, 1
			run := dispatch.Histogram{Sum: 3 * 60 * 60}
			run.Buckets[len(run.Buckets)-1] = 1
			return dispatch.Timings{ByName: map[string]dispatch.Timing{"app.tasks.add": {
				Wait: wait, Run: run, Ended: map[dispatch.Outcome]uint64{dispatch.Succeeded: 2, dispatch.TimedOut: 1},
				CPU: 0.5, MemoryPeak: 1 << 20, OOMKills: 1,
			}}, Late: wait}, nil
		},
		Pool: func() workers.Stats {
			return workers.Stats{Busy: 1, Ready: 2, Counts: workers.Counts{Started: 5, FailedStarts: 4, Killed: 3, Retired: 2}}
		},
		Workers: func() []workers.Info {
			return []workers.Info{
				{ID: 0, State: workers.Busy, Created: time.Unix(1700000000, 250e6), Finished: 3},
				{ID: 17, PID: 1700, State: workers.Starting, Created: time.Unix(1700000001, 0)},
			}
		},
		Usage: func() ([]supervisor.Usage, supervisor.Totals, error) {
			return []supervisor.Usage{
					{Worker: 0, Memory: 100, Source: supervisor.FromCgroup, CPU: 1500 * time.Millisecond, Throttled: time.Second, MemoryPeak: 200, MemoryMax: 300, PIDs: 4, OOMKills: 5},
					{Worker: 17},
				}, supervisor.Totals{CPU: 2 * time.Second, Throttled: 3 * time.Second, Memory: 400, PIDs: 6, OOMKills: 7, Cgroups: 8},
				nil
		},
		Postgres: func() pgnotify.Stats {
			return pgnotify.Stats{
				Connected: true, Received: 30, Reconnects: 6, Outages: 2500 * time.Millisecond,
				SelfCheck: pgnotify.SelfCheck{Count: 4, Total: 2 * time.Second, Max: time.Second},
			}
		},
	}
}

func TestOriginalsSeriesAreAsTheyAreThere(t *testing.T) {
	t.Parallel()
	want := `
# HELP dispatcher_control_messages_count_total Number of control messages received.
# TYPE dispatcher_control_messages_count_total counter
dispatcher_control_messages_count_total 2
# HELP dispatcher_messages_received_total Number of messages received by dispatchermain
# TYPE dispatcher_messages_received_total counter
dispatcher_messages_received_total 12
# HELP dispatcher_worker_count_total Number of workers running.
# TYPE dispatcher_worker_count_total counter
dispatcher_worker_count_total 2
# HELP dispatcher_worker_created_at Creation time of worker
# TYPE dispatcher_worker_created_at gauge
dispatcher_worker_created_at{worker_index="0"} 1.70000000025e+09
dispatcher_worker_created_at{worker_index="17"} 1.700000001e+09
# HELP dispatcher_worker_finished_count Finished count of tasks by the worker
# TYPE dispatcher_worker_finished_count gauge
dispatcher_worker_finished_count{worker_index="0"} 3
dispatcher_worker_finished_count{worker_index="17"} 0
# HELP dispatcher_worker_status Status of worker.
# TYPE dispatcher_worker_status gauge
dispatcher_worker_status{dispatcher_worker_status="error",worker_index="0"} 0
dispatcher_worker_status{dispatcher_worker_status="error",worker_index="17"} 0
dispatcher_worker_status{dispatcher_worker_status="exited",worker_index="0"} 0
dispatcher_worker_status{dispatcher_worker_status="exited",worker_index="17"} 0
dispatcher_worker_status{dispatcher_worker_status="initialized",worker_index="0"} 0
dispatcher_worker_status{dispatcher_worker_status="initialized",worker_index="17"} 0
dispatcher_worker_status{dispatcher_worker_status="ready",worker_index="0"} 1
dispatcher_worker_status{dispatcher_worker_status="ready",worker_index="17"} 0
dispatcher_worker_status{dispatcher_worker_status="retired",worker_index="0"} 0
dispatcher_worker_status{dispatcher_worker_status="retired",worker_index="17"} 0
dispatcher_worker_status{dispatcher_worker_status="spawned",worker_index="0"} 0
dispatcher_worker_status{dispatcher_worker_status="spawned",worker_index="17"} 0
dispatcher_worker_status{dispatcher_worker_status="starting",worker_index="0"} 0
dispatcher_worker_status{dispatcher_worker_status="starting",worker_index="17"} 1
dispatcher_worker_status{dispatcher_worker_status="stopping",worker_index="0"} 0
dispatcher_worker_status{dispatcher_worker_status="stopping",worker_index="17"} 0
`
	if err := testutil.CollectAndCompare(&Collector{from: sources()}, strings.NewReader(want), originals()...); err != nil {
		t.Error(err)
	}
}

// originals are the names of the original's series.
func originals() (names []string) {
	for _, s := range table {
		if strings.HasPrefix(s.name, "dispatcher_") {
			names = append(names, s.name)
		}
	}
	return names
}

func TestEveryStateOfAWorkerIsAStatusOfTheOriginal(t *testing.T) {
	t.Parallel()
	for state, want := range map[workers.State]string{
		workers.Starting: "starting", workers.Ready: "ready", workers.Busy: "ready", workers.Stopping: "stopping",
		"retired": "retired", "error": "error", // of those that are listed for a while after their end
	} {
		if got := (workers.Info{State: state, PID: 100}).Status(); got != want || !slices.Contains(statuses, got) {
			t.Errorf("a worker that is %s has the status %s, want %s", state, got, want)
		}
	}
}

// The page and the command workers must not tell two stories of one worker.
func TestStatusOnThePageIsThatOfTheCommandWorkers(t *testing.T) {
	t.Parallel()
	for want, worker := range map[string]workers.Info{
		"spawned":  {State: workers.Starting},
		"starting": {State: workers.Starting, PID: 100},
		"exited":   {State: workers.Stopping, PID: 100, Left: true},
		"retired":  {State: workers.Retired, PID: 100, Left: true},
	} {
		from := sources()
		from.Workers = func() []workers.Info { return []workers.Info{worker} }
		families, err := gatherer(from).Gather()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if f.GetName() == "dispatcher_worker_status" && m.GetGauge().GetValue() == 1 {
					got = append(got, m.GetLabel()[0].GetValue())
				}
			}
		}
		if !slices.Equal(got, []string{want}) {
			t.Errorf("the page has the statuses %q for %+v, want %s", got, worker, want)
		}
	}
}

func TestOurSeriesAreOnThePage(t *testing.T) {
	t.Parallel()
	want := `
# HELP dispatcherd_cgroups Cgroups in the supervisor's tree.
# TYPE dispatcherd_cgroups gauge
dispatcherd_cgroups 8
# HELP dispatcherd_chunk_conflicts_total Parts that named another total than the part before.
# TYPE dispatcherd_chunk_conflicts_total counter
dispatcherd_chunk_conflicts_total 6
# HELP dispatcherd_chunked_messages_total Messages in parts that came to an end, by which: joined, failed, expired, dropped for want of room, or repeated.
# TYPE dispatcherd_chunked_messages_total counter
dispatcherd_chunked_messages_total{result="dropped"} 1
dispatcherd_chunked_messages_total{result="expired"} 4
dispatcherd_chunked_messages_total{result="failed"} 4
dispatcherd_chunked_messages_total{result="joined"} 3
dispatcherd_chunked_messages_total{result="repeated"} 2
# HELP dispatcherd_chunks_received_total Parts of messages that were received, bad ones included.
# TYPE dispatcherd_chunks_received_total counter
dispatcherd_chunks_received_total 20
# HELP dispatcherd_messages_rejected_total Messages that were dropped: no message, too late, or a control request that was refused.
# TYPE dispatcherd_messages_rejected_total counter
dispatcherd_messages_rejected_total 1
# HELP dispatcherd_oldest_queued_seconds How long the first task in the queue has waited for a worker.
# TYPE dispatcherd_oldest_queued_seconds gauge
dispatcherd_oldest_queued_seconds 1.5
# HELP dispatcherd_partial_messages Messages in parts of which some have not come.
# TYPE dispatcherd_partial_messages gauge
dispatcherd_partial_messages 7
# HELP dispatcherd_postgres_connected 1 while the daemon listens to Postgres, else 0.
# TYPE dispatcherd_postgres_connected gauge
dispatcherd_postgres_connected 1
# HELP dispatcherd_postgres_notifications_total Notifications that were received.
# TYPE dispatcherd_postgres_notifications_total counter
dispatcherd_postgres_notifications_total 30
# HELP dispatcherd_postgres_outage_seconds_total How long the daemon did not listen after it first did; what was notified meanwhile is lost.
# TYPE dispatcherd_postgres_outage_seconds_total counter
dispatcherd_postgres_outage_seconds_total 2.5
# HELP dispatcherd_postgres_reconnects_total How often the daemon listened again after a loss.
# TYPE dispatcherd_postgres_reconnects_total counter
dispatcherd_postgres_reconnects_total 6
# HELP dispatcherd_postgres_self_check_max_seconds How long the slowest check of an idle connection to Postgres took.
# TYPE dispatcherd_postgres_self_check_max_seconds gauge
dispatcherd_postgres_self_check_max_seconds 1
# HELP dispatcherd_postgres_self_check_seconds How long checks of an idle connection to Postgres took.
# TYPE dispatcherd_postgres_self_check_seconds summary
dispatcherd_postgres_self_check_seconds_sum 2
dispatcherd_postgres_self_check_seconds_count 4
# HELP dispatcherd_publish_to_start_seconds How long after their time_pub, less their delay, tasks were given to a worker.
# TYPE dispatcherd_publish_to_start_seconds histogram
dispatcherd_publish_to_start_seconds_bucket{le="0.001"} 2
dispatcherd_publish_to_start_seconds_bucket{le="0.005"} 2
dispatcherd_publish_to_start_seconds_bucket{le="0.025"} 2
dispatcherd_publish_to_start_seconds_bucket{le="0.1"} 2
dispatcherd_publish_to_start_seconds_bucket{le="0.5"} 2
dispatcherd_publish_to_start_seconds_bucket{le="1"} 2
dispatcherd_publish_to_start_seconds_bucket{le="5"} 3
dispatcherd_publish_to_start_seconds_bucket{le="15"} 3
dispatcherd_publish_to_start_seconds_bucket{le="60"} 3
dispatcherd_publish_to_start_seconds_bucket{le="300"} 3
dispatcherd_publish_to_start_seconds_bucket{le="900"} 3
dispatcherd_publish_to_start_seconds_bucket{le="3600"} 3
dispatcherd_publish_to_start_seconds_bucket{le="+Inf"} 3
dispatcherd_publish_to_start_seconds_sum 1.5
dispatcherd_publish_to_start_seconds_count 3
# HELP dispatcherd_queue_bytes What the tasks that wait count for in bytes, against queue.max_bytes.
# TYPE dispatcherd_queue_bytes gauge
dispatcherd_queue_bytes 8000
# HELP dispatcherd_queue_full 1 while the queue is full, else 0.
# TYPE dispatcherd_queue_full gauge
dispatcherd_queue_full 1
# HELP dispatcherd_queue_paused 1 while the reading of tasks is paused because the queue is full, else 0.
# TYPE dispatcherd_queue_paused gauge
dispatcherd_queue_paused 0
# HELP dispatcherd_queue_tasks Tasks that wait: queued, blocked and delayed, and those that have just come.
# TYPE dispatcherd_queue_tasks gauge
dispatcherd_queue_tasks 7
# HELP dispatcherd_task_cpu_seconds_total CPU time of tasks that have ended, by name.
# TYPE dispatcherd_task_cpu_seconds_total counter
dispatcherd_task_cpu_seconds_total{task="app.tasks.add"} 0.5
# HELP dispatcherd_task_ends_total Tasks that have ended, by name and by how they ended.
# TYPE dispatcherd_task_ends_total counter
dispatcherd_task_ends_total{outcome="succeeded",task="app.tasks.add"} 2
dispatcherd_task_ends_total{outcome="timed_out",task="app.tasks.add"} 1
# HELP dispatcherd_task_memory_peak_bytes The most memory that a task has taken, by name.
# TYPE dispatcherd_task_memory_peak_bytes gauge
dispatcherd_task_memory_peak_bytes{task="app.tasks.add"} 1.048576e+06
# HELP dispatcherd_task_oom_kills_total Processes of tasks that the out-of-memory killer has ended, by name.
# TYPE dispatcherd_task_oom_kills_total counter
dispatcherd_task_oom_kills_total{task="app.tasks.add"} 1
# HELP dispatcherd_task_run_seconds How long tasks ran in a worker, by name.
# TYPE dispatcherd_task_run_seconds histogram
dispatcherd_task_run_seconds_bucket{task="app.tasks.add",le="0.001"} 0
dispatcherd_task_run_seconds_bucket{task="app.tasks.add",le="0.005"} 0
dispatcherd_task_run_seconds_bucket{task="app.tasks.add",le="0.025"} 0
dispatcherd_task_run_seconds_bucket{task="app.tasks.add",le="0.1"} 0
dispatcherd_task_run_seconds_bucket{task="app.tasks.add",le="0.5"} 0
dispatcherd_task_run_seconds_bucket{task="app.tasks.add",le="1"} 0
dispatcherd_task_run_seconds_bucket{task="app.tasks.add",le="5"} 0
dispatcherd_task_run_seconds_bucket{task="app.tasks.add",le="15"} 0
dispatcherd_task_run_seconds_bucket{task="app.tasks.add",le="60"} 0
dispatcherd_task_run_seconds_bucket{task="app.tasks.add",le="300"} 0
dispatcherd_task_run_seconds_bucket{task="app.tasks.add",le="900"} 0
dispatcherd_task_run_seconds_bucket{task="app.tasks.add",le="3600"} 0
dispatcherd_task_run_seconds_bucket{task="app.tasks.add",le="+Inf"} 1
dispatcherd_task_run_seconds_sum{task="app.tasks.add"} 10800
dispatcherd_task_run_seconds_count{task="app.tasks.add"} 1
# HELP dispatcherd_task_wait_seconds How long tasks waited in the queue for a worker, by name.
# TYPE dispatcherd_task_wait_seconds histogram
dispatcherd_task_wait_seconds_bucket{task="app.tasks.add",le="0.001"} 2
dispatcherd_task_wait_seconds_bucket{task="app.tasks.add",le="0.005"} 2
dispatcherd_task_wait_seconds_bucket{task="app.tasks.add",le="0.025"} 2
dispatcherd_task_wait_seconds_bucket{task="app.tasks.add",le="0.1"} 2
dispatcherd_task_wait_seconds_bucket{task="app.tasks.add",le="0.5"} 2
dispatcherd_task_wait_seconds_bucket{task="app.tasks.add",le="1"} 2
dispatcherd_task_wait_seconds_bucket{task="app.tasks.add",le="5"} 3
dispatcherd_task_wait_seconds_bucket{task="app.tasks.add",le="15"} 3
dispatcherd_task_wait_seconds_bucket{task="app.tasks.add",le="60"} 3
dispatcherd_task_wait_seconds_bucket{task="app.tasks.add",le="300"} 3
dispatcherd_task_wait_seconds_bucket{task="app.tasks.add",le="900"} 3
dispatcherd_task_wait_seconds_bucket{task="app.tasks.add",le="3600"} 3
dispatcherd_task_wait_seconds_bucket{task="app.tasks.add",le="+Inf"} 3
dispatcherd_task_wait_seconds_sum{task="app.tasks.add"} 1.5
dispatcherd_task_wait_seconds_count{task="app.tasks.add"} 3
# HELP dispatcherd_tasks Tasks that have not ended, by state.
# TYPE dispatcherd_tasks gauge
dispatcherd_tasks{state="blocked"} 3
dispatcherd_tasks{state="delayed"} 1
dispatcherd_tasks{state="queued"} 2
dispatcherd_tasks{state="running"} 1
# HELP dispatcherd_tasks_accepted_total Tasks that were accepted.
# TYPE dispatcherd_tasks_accepted_total counter
dispatcherd_tasks_accepted_total 11
# HELP dispatcherd_tasks_ended_total Tasks that have ended, by how they ended.
# TYPE dispatcherd_tasks_ended_total counter
dispatcherd_tasks_ended_total{outcome="abandoned"} 0
dispatcherd_tasks_ended_total{outcome="cancelled"} 0
dispatcherd_tasks_ended_total{outcome="carried out"} 2
dispatcherd_tasks_ended_total{outcome="crashed"} 0
dispatcherd_tasks_ended_total{outcome="discarded"} 0
dispatcherd_tasks_ended_total{outcome="exited"} 0
dispatcherd_tasks_ended_total{outcome="failed"} 0
dispatcherd_tasks_ended_total{outcome="killed"} 0
dispatcherd_tasks_ended_total{outcome="lost"} 0
dispatcherd_tasks_ended_total{outcome="oom_killed"} 1
dispatcherd_tasks_ended_total{outcome="rejected"} 0
dispatcherd_tasks_ended_total{outcome="succeeded"} 1
dispatcherd_tasks_ended_total{outcome="timed_out"} 0
# HELP dispatcherd_worker_cpu_seconds_total CPU time of a worker and of what its tasks have started.
# TYPE dispatcherd_worker_cpu_seconds_total counter
dispatcherd_worker_cpu_seconds_total{worker="0"} 1.5
dispatcherd_worker_cpu_seconds_total{worker="17"} 0
# HELP dispatcherd_worker_kills_total Workers that were killed because they did not end in their grace.
# TYPE dispatcherd_worker_kills_total counter
dispatcherd_worker_kills_total 3
# HELP dispatcherd_worker_memory_bytes Memory of a worker and of what its task has started.
# TYPE dispatcherd_worker_memory_bytes gauge
dispatcherd_worker_memory_bytes{worker="0"} 100
# HELP dispatcherd_worker_memory_limit_bytes The limit on the memory of a worker, where there is one.
# TYPE dispatcherd_worker_memory_limit_bytes gauge
dispatcherd_worker_memory_limit_bytes{worker="0"} 300
# HELP dispatcherd_worker_memory_peak_bytes The most memory that a worker has taken.
# TYPE dispatcherd_worker_memory_peak_bytes gauge
dispatcherd_worker_memory_peak_bytes{worker="0"} 200
dispatcherd_worker_memory_peak_bytes{worker="17"} 0
# HELP dispatcherd_worker_oom_kills_total Processes of a worker that the out-of-memory killer has ended.
# TYPE dispatcherd_worker_oom_kills_total counter
dispatcherd_worker_oom_kills_total{worker="0"} 5
dispatcherd_worker_oom_kills_total{worker="17"} 0
# HELP dispatcherd_worker_pids Processes and threads of a worker.
# TYPE dispatcherd_worker_pids gauge
dispatcherd_worker_pids{worker="0"} 4
dispatcherd_worker_pids{worker="17"} 0
# HELP dispatcherd_worker_retirements_total Workers that were replaced because of their age.
# TYPE dispatcherd_worker_retirements_total counter
dispatcherd_worker_retirements_total 2
# HELP dispatcherd_worker_starts_total Workers that were started, by whether they became ready.
# TYPE dispatcherd_worker_starts_total counter
dispatcherd_worker_starts_total{result="failed"} 4
dispatcherd_worker_starts_total{result="ready"} 5
# HELP dispatcherd_worker_throttled_seconds_total How long a worker was held back by a limit on CPU time.
# TYPE dispatcherd_worker_throttled_seconds_total counter
dispatcherd_worker_throttled_seconds_total{worker="0"} 1
dispatcherd_worker_throttled_seconds_total{worker="17"} 0
# HELP dispatcherd_workers Workers, by state.
# TYPE dispatcherd_workers gauge
dispatcherd_workers{state="busy"} 1
dispatcherd_workers{state="ready"} 2
dispatcherd_workers{state="starting"} 0
dispatcherd_workers{state="stopping"} 0
# HELP dispatcherd_workers_cpu_seconds_total CPU time of all workers, those that have ended included.
# TYPE dispatcherd_workers_cpu_seconds_total counter
dispatcherd_workers_cpu_seconds_total 2
# HELP dispatcherd_workers_memory_bytes Memory of all workers.
# TYPE dispatcherd_workers_memory_bytes gauge
dispatcherd_workers_memory_bytes 400
# HELP dispatcherd_workers_oom_kills_total Processes of workers that the out-of-memory killer has ended.
# TYPE dispatcherd_workers_oom_kills_total counter
dispatcherd_workers_oom_kills_total 7
# HELP dispatcherd_workers_pids Processes and threads of all workers.
# TYPE dispatcherd_workers_pids gauge
dispatcherd_workers_pids 6
# HELP dispatcherd_workers_throttled_seconds_total How long workers were held back by limits on CPU time, those that have ended included.
# TYPE dispatcherd_workers_throttled_seconds_total counter
dispatcherd_workers_throttled_seconds_total 3
`
	if err := testutil.CollectAndCompare(&Collector{from: sources()}, strings.NewReader(want), ours()...); err != nil {
		t.Error(err)
	}
}

// What was accepted is what has not ended and what has, whichever way.
func TestFiguresOfTasksAddUp(t *testing.T) {
	t.Parallel()
	from := sources()
	stats := dispatch.Stats{Running: 1, Queued: 2, Blocked: 3, Delayed: 4, Ended: map[dispatch.Outcome]uint64{}, Accepted: 10}
	for i, outcome := range dispatch.Outcomes {
		stats.Ended[outcome] = uint64(10 + i)
		stats.Accepted += uint64(10 + i)
	}
	from.Tasks = func() (dispatch.Stats, error) { return stats, nil }
	families, err := gatherer(from).Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			sum[f.GetName()] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	accepted, rest := sum["dispatcherd_tasks_accepted_total"], sum["dispatcherd_tasks"]+sum["dispatcherd_tasks_ended_total"]
	if accepted == 0 || accepted != rest {
		t.Errorf("%v tasks were accepted, but %v are there or have ended", accepted, rest)
	}
}

// ours are the names of our own series.
func ours() (names []string) {
	for _, s := range table {
		if strings.HasPrefix(s.name, "dispatcherd_") {
			names = append(names, s.name)
		}
	}
	return names
}

func TestEverySeriesOfTheTableIsOnThePageWithItsType(t *testing.T) {
	t.Parallel()
	families, err := gatherer(sources()).Gather()
	if err != nil {
		t.Fatal(err)
	}
	got, want := map[string]string{}, map[string]string{}
	for _, f := range families {
		got[f.GetName()] = strings.ToLower(f.GetType().String())
	}
	for _, s := range table {
		want[s.name] = s.kind
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table and the page differ: -table +page\n%s", diff)
	}
}

// These are all that the linter has to say, and what the original's names are to blame for.
func TestOnlyNamesOfTheOriginalFailTheLinter(t *testing.T) {
	t.Parallel()
	problems, err := testutil.GatherAndLint(gatherer(sources()))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range problems {
		got[p.Metric] = p.Text
	}
	want := map[string]string{
		"dispatcher_worker_finished_count": `non-histogram and non-summary metrics should not have "_count" suffix`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems: -want +got\n%s", diff)
	}
}

func TestScrapeAfterTheDispatcherEndedIsAnErrorAndNoPanic(t *testing.T) {
	t.Parallel()
	gone := errors.New("the dispatcher has ended")
	for name, change := range map[string]func(*Sources){
		"tasks":   func(s *Sources) { s.Tasks = func() (dispatch.Stats, error) { return dispatch.Stats{}, gone } },
		"timings": func(s *Sources) { s.Timings = func() (dispatch.Timings, error) { return dispatch.Timings{}, gone } },
	} {
		from := sources()
		change(&from)
		if _, err := gatherer(from).Gather(); err == nil || !strings.Contains(err.Error(), gone.Error()) {
			t.Errorf("scrape without %s: %v", name, err)
		}
	}
}

func TestWithoutPostgresThereAreNoFiguresOfIt(t *testing.T) {
	t.Parallel()
	from := sources()
	from.Postgres = nil
	families, err := gatherer(from).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if strings.Contains(f.GetName(), "postgres") {
			t.Errorf("%s is on the page", f.GetName())
		}
	}
}

func gatherer(from Sources) prometheus.Gatherer {
	registry := prometheus.NewRegistry()
	registry.MustRegister(&Collector{from: from})
	return registry
}
