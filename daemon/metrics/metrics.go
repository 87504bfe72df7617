package metrics

import "github.com/prometheus/client_golang/prometheus"

// series is one metric: a row of the page, and of docs/metrics.md.
type series struct {
	name, kind, help string
	labels           []string
	desc             *prometheus.Desc
}

func newSeries(kind, name, help string, labels []string) series {
	return series{name, kind, help, labels, prometheus.NewDesc(name, help, labels, nil)}
}

func counter(name, help string, labels ...string) series {
	return newSeries("counter", name, help, labels)
}

func gauge(name, help string, labels ...string) series {
	return newSeries("gauge", name, help, labels)
}

func histogram(name, help string, labels ...string) series {
	return newSeries("histogram", name, help, labels)
}

func summary(name, help string, labels ...string) series {
	return newSeries("summary", name, help, labels)
}

// The series of the Python original. Names, types and help are as they are there,
// right or wrong, so that dashboards go on.
var (
	originalReceived = counter("dispatcher_messages_received_total", "Number of messages received by dispatchermain")
	originalControls = counter("dispatcher_control_messages_count_total", "Number of control messages received.")
	originalWorkers  = counter("dispatcher_worker_count_total", "Number of workers running.")
	originalCreated  = gauge("dispatcher_worker_created_at", "Creation time of worker", "worker_index")
	originalFinished = gauge("dispatcher_worker_finished_count", "Finished count of tasks by the worker", "worker_index")
	originalStatus   = gauge("dispatcher_worker_status", "Status of worker.", "dispatcher_worker_status", "worker_index")
)

// Our own series.
var (
	rejected = counter("dispatcherd_messages_rejected_total", "Messages that were dropped: no message, too late, or a control request that was refused.")

	chunks    = counter("dispatcherd_chunks_received_total", "Parts of messages that were received, bad ones included.")
	joined    = counter("dispatcherd_chunked_messages_total", "Messages in parts that came to an end, by which: joined, failed, expired, dropped for want of room, or repeated.", "result")
	partial   = gauge("dispatcherd_partial_messages", "Messages in parts of which some have not come.")
	conflicts = counter("dispatcherd_chunk_conflicts_total", "Parts that named another total than the part before.")

	accepted    = counter("dispatcherd_tasks_accepted_total", "Tasks that were accepted.")
	tasks       = gauge("dispatcherd_tasks", "Tasks that have not ended, by state.", "state")
	ended       = counter("dispatcherd_tasks_ended_total", "Tasks that have ended, by how they ended.", "outcome")
	oldest      = gauge("dispatcherd_oldest_queued_seconds", "How long the first task in the queue has waited for a worker.")
	waiting     = gauge("dispatcherd_queue_tasks", "Tasks that wait: queued, blocked and delayed, and those that have just come.")
	waitBytes   = gauge("dispatcherd_queue_bytes", "What the tasks that wait count for in bytes, against queue.max_bytes.")
	queueFull   = gauge("dispatcherd_queue_full", "1 while the queue is full, else 0.")
	queuePaused = gauge("dispatcherd_queue_paused", "1 while the reading of tasks is paused because the queue is full, else 0.")
	waitTime    = histogram("dispatcherd_task_wait_seconds", "How long tasks waited in the queue for a worker, by name.", "task")
	runTime     = histogram("dispatcherd_task_run_seconds", "How long tasks ran in a worker, by name.", "task")
	ends        = counter("dispatcherd_task_ends_total", "Tasks that have ended, by name and by how they ended.", "task", "outcome")
	taskCPU     = counter("dispatcherd_task_cpu_seconds_total", "CPU time of tasks that have ended, by name.", "task")
	taskPeak    = gauge("dispatcherd_task_memory_peak_bytes", "The most memory that a task has taken, by name.", "task")
	taskOOM     = counter("dispatcherd_task_oom_kills_total", "Processes of tasks that the out-of-memory killer has ended, by name.", "task")
	lateness    = histogram("dispatcherd_publish_to_start_seconds", "How long after their time_pub, less their delay, tasks were given to a worker.")

	pool    = gauge("dispatcherd_workers", "Workers, by state.", "state")
	starts  = counter("dispatcherd_worker_starts_total", "Workers that were started, by whether they became ready.", "result")
	retired = counter("dispatcherd_worker_retirements_total", "Workers that were replaced because of their age.")
	killed  = counter("dispatcherd_worker_kills_total", "Workers that were killed because they did not end in their grace.")

	workerCPU       = counter("dispatcherd_worker_cpu_seconds_total", "CPU time of a worker and of what its tasks have started.", "worker")
	workerThrottled = counter("dispatcherd_worker_throttled_seconds_total", "How long a worker was held back by a limit on CPU time.", "worker")
	workerMemory    = gauge("dispatcherd_worker_memory_bytes", "Memory of a worker and of what its task has started.", "worker")
	workerPeak      = gauge("dispatcherd_worker_memory_peak_bytes", "The most memory that a worker has taken.", "worker")
	workerLimit     = gauge("dispatcherd_worker_memory_limit_bytes", "The limit on the memory of a worker, where there is one.", "worker")
	workerPIDs      = gauge("dispatcherd_worker_pids", "Processes and threads of a worker.", "worker")
	workerOOM       = counter("dispatcherd_worker_oom_kills_total", "Processes of a worker that the out-of-memory killer has ended.", "worker")
	allCPU          = counter("dispatcherd_workers_cpu_seconds_total", "CPU time of all workers, those that have ended included.")
	allThrottled    = counter("dispatcherd_workers_throttled_seconds_total", "How long workers were held back by limits on CPU time, those that have ended included.")
	allMemory       = gauge("dispatcherd_workers_memory_bytes", "Memory of all workers.")
	allPIDs         = gauge("dispatcherd_workers_pids", "Processes and threads of all workers.")
	allOOM          = counter("dispatcherd_workers_oom_kills_total", "Processes of workers that the out-of-memory killer has ended.")
	cgroupCount     = gauge("dispatcherd_cgroups", "Cgroups in the supervisor's tree.")

	listens   = gauge("dispatcherd_postgres_connected", "1 while the daemon listens to Postgres, else 0.")
	notified  = counter("dispatcherd_postgres_notifications_total", "Notifications that were received.")
	relisten  = counter("dispatcherd_postgres_reconnects_total", "How often the daemon listened again after a loss.")
	outage    = counter("dispatcherd_postgres_outage_seconds_total", "How long the daemon did not listen after it first did; what was notified meanwhile is lost.")
	selfCheck = summary("dispatcherd_postgres_self_check_seconds", "How long checks of an idle connection to Postgres took.")
	slowCheck = gauge("dispatcherd_postgres_self_check_max_seconds", "How long the slowest check of an idle connection to Postgres took.")
)

// table is every series that there is, in the order of the document.
var table = []series{
	originalReceived, originalControls, originalWorkers, originalCreated, originalFinished, originalStatus,
	rejected, chunks, joined, partial, conflicts,
	accepted, tasks, ended, oldest, waiting, waitBytes, queueFull, queuePaused, waitTime, runTime, ends, taskCPU, taskPeak, taskOOM, lateness,
	pool, starts, retired, killed,
	workerCPU, workerThrottled, workerMemory, workerPeak, workerLimit, workerPIDs, workerOOM,
	allCPU, allThrottled, allMemory, allPIDs, allOOM, cgroupCount,
	listens, notified, relisten, outage, selfCheck, slowCheck,
}
