package tests

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/tests/postgres"
)

// workerStatuses are the values of the label dispatcher_worker_status.
var workerStatuses = []string{"error", "exited", "initialized", "ready", "retired", "spawned", "starting", "stopping"}

// workerStatus is the figure of a worker for a status.
func workerStatus(status string, worker int) string {
	return fmt.Sprintf(`dispatcher_worker_status{dispatcher_worker_status=%q,worker_index="%d"}`, status, worker)
}

func TestOriginalsSeriesTellOfTheWorkersThatAreThere(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "min_workers = 2\nmax_workers = 2", withMetrics))
	waitFor(t, "two workers to be ready", func() bool { return d.figure("pool", "ready") == 2 })
	d.task("app.tasks.nothing")
	d.hold("running")
	got := d.metrics()
	main := d.ask("main") // which is a message more
	if main["received_count"] != got[metricReceived]+1 || main["control_count"] != got[metricControls]+1 {
		t.Errorf("main counts %v and %v, a message after the page did %v and %v",
			main["received_count"], main["control_count"], got[metricReceived], got[metricControls])
	}
	if n := got["dispatcher_worker_count_total"]; n != 2 {
		t.Errorf("dispatcher_worker_count_total is %v, want 2", n)
	}
	finished := 0.0
	for worker := range 2 {
		index := fmt.Sprintf(`{worker_index="%d"}`, worker)
		finished += got["dispatcher_worker_finished_count"+index]
		if created, started := got["dispatcher_worker_created_at"+index], got["process_start_time_seconds"]; created < started-2 || created > started+60 {
			t.Errorf("worker %d was created at %v, want it soon after the daemon, %v", worker, created, started)
		}
		for _, s := range workerStatuses {
			figure, ok := got[workerStatus(s, worker)]
			if want := map[bool]float64{true: 1}[s == "ready"]; !ok || figure != want {
				t.Errorf("%s is %v (there: %v), want %v: one runs a task and the other waits", workerStatus(s, worker), figure, ok, want)
			}
		}
	}
	if finished != 1 {
		t.Errorf("the workers have finished %v tasks, want 1", finished)
	}
	d.ctl("cancel", "--all")
}

func TestWorkersThatHaveLeftAreNotOnThePage(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1\nworker_removal_wait = \"100ms\"", withMetrics))
	for range 3 {
		d.task("app.tasks.leave", "--arg", "3")
	}
	waitFor(t, "a worker after three that have died", func() bool { return d.metrics()[workerStatus("ready", 3)] == 1 })
	waitFor(t, "the dead workers to leave the page", func() bool {
		n := 0
		for name := range d.metrics() {
			if strings.HasPrefix(name, "dispatcher_worker_created_at{") {
				n++
			}
		}
		return n == 1
	})
}

func TestTasksAreTimedByNameAndFromTheirPublication(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	d := start(t, config(t, withOriginal(t)+"\ntasks = \"any\"", "", withMetrics, listening(db, "jobs")))
	d.waitLog(lineListening)
	o := overPostgres(t, db, "jobs")
	o.run(t, `
tasks.nap.apply_async(args=[0.2], uuid="nap")
tasks.nothing.apply_async(uuid="plain")
submit_task(tasks.nothing, uuid="later", processor_options=[Delayer.Params(delay=0.5)])
publisher.publish_message(message=json.dumps({"task": "lambda: 5", "uuid": "lambda"}))
`)
	for _, uuid := range []string{"nap", "plain", "later", "lambda"} {
		d.ended(uuid)
	}
	got := d.metrics()
	for name, want := range map[string]float64{
		`dispatcherd_task_run_seconds_count{task="app.tasks.nap"}`:            1,
		`dispatcherd_task_run_seconds_bucket{task="app.tasks.nap",le="0.1"}`:  0,
		`dispatcherd_task_run_seconds_bucket{task="app.tasks.nap",le="+Inf"}`: 1,
		`dispatcherd_task_run_seconds_count{task="app.tasks.nothing"}`:        2,
		`dispatcherd_task_run_seconds_count{task="other"}`:                    1,
		`dispatcherd_task_wait_seconds_count{task="app.tasks.nap"}`:           1,
		`dispatcherd_task_wait_seconds_count{task="other"}`:                   1,
		"dispatcherd_publish_to_start_seconds_count":                          3, // the lambda does not say when
		`dispatcherd_publish_to_start_seconds_bucket{le="60"}`:                3,
		"dispatcherd_postgres_notifications_total":                            4,
		"dispatcherd_postgres_connected":                                      1,
		"dispatcherd_postgres_outage_seconds_total":                           0,
		"dispatcherd_chunks_received_total":                                   0,
	} {
		if figure, ok := got[name]; !ok || figure != want {
			t.Errorf("%s is %v (there: %v), want %v", name, figure, ok, want)
		}
	}
	if sum := got[`dispatcherd_task_run_seconds_sum{task="app.tasks.nap"}`]; sum < 0.2 || sum > 30 {
		t.Errorf("a nap of 0.2 s ran for %v s", sum)
	}
	for name := range got {
		if strings.Contains(name, "lambda") {
			t.Errorf("%s has the text of a lambda", name)
		}
	}
}

func TestOutagesChecksAndChunksAreCounted(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	d := start(t, config(t, withOriginal(t), "", withMetrics, listening(db, "jobs")+`max_connection_idle = "50ms"`))
	d.waitLog(lineListening)
	d.waitMetric("dispatcherd_postgres_self_check_seconds_count", 1)
	o := overPostgres(t, db, "jobs")
	o.run(t, `jobs.digest.apply_async(args=[args[0], "x" * 9000], uuid="long")`, d.file("digest"))
	d.ended("long")
	c := d.connect()
	c.send(
		`{"__dispatcherd_chunk__": "v1", "message_id": "m", "index": 0, "total": 3, "payload": "{"}`,
		`{"__dispatcherd_chunk__": "v1", "message_id": "m", "index": 1, "total": 4, "payload": "}"}`,
		`{"__dispatcherd_chunk__": "v9"}`,
	)
	c.alive()
	db.Terminate(t, "dispatcherd")
	d.waitLog(lineAgain)
	got := d.metrics()
	for name, want := range map[string]float64{
		"dispatcherd_chunks_received_total":                   2 + 3,
		`dispatcherd_chunked_messages_total{result="joined"}`: 1,
		`dispatcherd_chunked_messages_total{result="failed"}`: 1,
		"dispatcherd_partial_messages":                        1,
		"dispatcherd_chunk_conflicts_total":                   1,
		"dispatcherd_postgres_reconnects_total":               1,
		"dispatcherd_postgres_connected":                      1,
	} {
		if figure, ok := got[name]; !ok || figure != want {
			t.Errorf("%s is %v (there: %v), want %v", name, figure, ok, want)
		}
	}
	for _, name := range []string{
		"dispatcherd_postgres_outage_seconds_total", "dispatcherd_postgres_self_check_seconds_sum", "dispatcherd_postgres_self_check_max_seconds",
	} {
		if got[name] <= 0 || got[name] > 60 {
			t.Errorf("%s is %v, want some seconds", name, got[name])
		}
	}
}

func TestMetricsOfTheOriginalsControl(t *testing.T) {
	t.Parallel()
	without, db := startListening(t, withOriginal(t), "", "jobs")
	for _, o := range without.brokers(db, "jobs") {
		if diff := cmp.Diff(map[string]any{"enabled": false, "node_id": "test"}, o.control(t, "metrics", nil)); diff != "" {
			t.Errorf("without a page, over %s (-want +got):\n%s", o.name, diff)
		}
	}
	with := start(t, config(t, "", "", withMetrics))
	page := metricsAddress.FindStringSubmatch(with.waitLog("metrics are served"))[1]
	with.metrics()
	for _, path := range []string{"/nonsense", "/metrics?x=1"} {
		response, err := http.Get(strings.TrimSuffix(page, "/metrics") + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("%s is answered with %s, want 404", path, response.Status)
		}
	}
	o := original{t, "socket", map[string]any{"socket": map[string]any{"socket_path": with.socket}}}
	reply := o.control(t, "metrics", nil)
	state, _ := reply["status"].(map[string]any)
	if port, _ := state["port"].(float64); !strings.Contains(page, fmt.Sprintf(":%.0f/", port)) {
		t.Errorf("the port is %v, want that of %s", state["port"], page)
	}
	delete(state, "port")
	want := map[string]any{
		"enabled": true, "node_id": "test",
		"status": map[string]any{
			"host": "localhost", "ready": true,
			"http_server": map[string]any{
				"connections_total": 3.0, "metrics_requests_served": 1.0, "bad_requests": 0.0, "internal_errors": 0.0,
				"not_found_responses": 2.0, "client_disconnects": 0.0, "request_timeouts": 0.0, "is_running": true,
			},
		},
	}
	if diff := cmp.Diff(want, reply); diff != "" {
		t.Errorf("with a page (-want +got):\n%s", diff)
	}
}

func TestTakenPortOfTheOriginalsMetricsIsAnErrorAndTheServiceGoesOn(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	d := startYAML(t, fmt.Sprintf(`version: 2
service:
  main_kwargs: {node_id: yaml}
  metrics_kwargs: {host: 127.0.0.1, port: %d}
brokers:
  socket: {socket_path: d.sock}
producers: {ControlProducer: null}
`, taken.Addr().(*net.TCPAddr).Port), nil)
	lines := d.log.all("metrics are not served")
	if len(lines) != 1 || !strings.Contains(lines[0], "level=ERROR") || !strings.Contains(lines[0], taken.Addr().String()+": bind: address already in use") {
		t.Errorf("the log says %q, want one error", lines)
	}
	if a := d.task("app.tasks.nothing"); a.code != 0 {
		t.Errorf("a task without the page: exit code %d\n%s%s", a.code, a.stdout, a.stderr)
	}
	if status, _ := d.ask("metrics")["status"].(map[string]any); status["ready"] != false {
		t.Errorf("the status of the page is %v, want one that is not ready", status)
	}
}

func TestPageIsTheSameAtTheRoot(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "", withMetrics))
	waitFor(t, "the worker to be ready", func() bool { return d.figure("pool", "ready") == 1 })
	page := metricsAddress.FindStringSubmatch(d.waitLog("metrics are served"))[1]
	root, usual := d.figuresAt(strings.TrimSuffix(page, "metrics")), d.figuresAt(page)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(usual)), slices.Sorted(maps.Keys(root))); diff != "" {
		t.Errorf("/metrics and / differ: -/metrics +/\n%s", diff)
	}
}
