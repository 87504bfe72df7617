package main

import (
	"bytes"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/daemon/message"
)

func TestSecondsOnTheCommandLine(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, number string }{
		{"5", "5"}, {"0.25", "0.25"}, {"500ms", "0.5"}, {"1m30s", "90"}, {"0", "0"}, {"1e3", "1000"}, {"1e9", "1000000000"},
	}
	for _, tt := range tests {
		var s seconds
		if err := s.Set(tt.text); err != nil || string(s.number()) != tt.number {
			t.Errorf("Set(%q) = %v, number %s, want %s", tt.text, err, s.number(), tt.number)
		}
	}
	for _, text := range []string{"", "x", "-1", "-5s", "NaN", "Inf", "1e300", "5 s"} {
		s := seconds(time.Minute)
		if err := s.Set(text); err == nil || s != seconds(time.Minute) {
			t.Errorf("Set(%q) = %v, value %v, want an error and no change", text, err, &s)
		}
	}
}

func TestDurationsInTables(t *testing.T) {
	t.Parallel()
	tests := []struct{ seconds, want string }{
		{"0", "0s"}, {"0.0000123", "12µs"}, {"0.02512", "25.1ms"}, {"1.26", "1.3s"}, {"42.4", "42s"}, {"7384.25", "2h3m4s"},
		{"1e300", "1e300"}, {"NaN", "NaN"},
	}
	for _, tt := range tests {
		if got := duration(message.Number(tt.seconds)); got != tt.want {
			t.Errorf("duration(%s) = %q, want %q", tt.seconds, got, tt.want)
		}
	}
	if got := duration("soon"); got != "soon" {
		t.Errorf("duration of a string = %q, want the string", got)
	}
}

func TestLongAgoOfAClockThatIsAhead(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	tests := map[string]any{"10s ago": message.Number("990"), "just now": message.Number("1001"), "-": nil}
	for want, published := range tests {
		if got := longAgo(published, now); got != want {
			t.Errorf("longAgo(%v) = %q, want %q", published, got, want)
		}
	}
}

func TestCellsCannotHarmTheTerminal(t *testing.T) {
	t.Parallel()
	if got, want := cell("a\x1b[2J\tb\nc\u202e語"), `a\x1b[2J\x09b\x0ac\u202e語`; got != want {
		t.Errorf("cell = %q, want %q", got, want)
	}
}

func TestTablesOfRepliesThatLookStrange(t *testing.T) {
	t.Parallel()
	odd := map[string]any{"x": "text", "worker-1": message.Number("5"), "node_id": "web-1"}
	for _, command := range []string{"running", "workers", "producers", "status", "metrics"} {
		out := tables(command, []any{odd, "no object"})
		if !bytes.Contains([]byte(out), []byte("text")) || !bytes.Contains([]byte(out), []byte("no object\n")) {
			t.Errorf("tables(%s) = %q, want everything that was replied", command, out)
		}
	}
	for command, want := range map[string]string{"running": "no tasks\n", "workers": "no workers\n", "producers": "no producers\n"} {
		if got := tables(command, []any{map[string]any{"node_id": "web-1"}}); got != want {
			t.Errorf("tables(%s) of an empty reply = %q, want %q", command, got, want)
		}
	}
}

func TestWorkerTenComesAfterWorkerNine(t *testing.T) {
	t.Parallel()
	got := sortedKeys(map[string]any{"worker-10": nil, "worker-9": nil, "queued-0": nil, "a": nil})
	if want := []string{"a", "queued-0", "worker-9", "worker-10"}; !slices.Equal(got, want) {
		t.Errorf("sortedKeys = %q, want %q", got, want)
	}
}

func TestStatusOfADaemonInTrouble(t *testing.T) {
	t.Parallel()
	value, err := message.Decode([]byte(`{
		"tasks": {"running": 0, "queued": 2, "blocked": 0, "delayed": 0, "accepted": 3, "oldest_queued_seconds": 61.5, "stopping": true,
			"ended": {"vanished": 1, "abandoned": 2, "succeeded": 3}},
		"pool": {"failed_starts": 7, "killed": 1, "draining": true, "failures_in_a_row": 7, "last_error": "no such file", "crash_loop": true},
		"workers": {"worker-3": {"status": "ready"}, "worker-2": {"status": "error"}, "worker-1": {"status": "retired"}, "worker-0": {"status": "error"}},
		"supervisor": {"connected": false, "pid": 0, "isolation": "", "tree": "", "restarts": 2, "fork_server": "", "last_error": "it ended"},
		"producers": {"pg_notify-producer": {"connected": false, "last_error": ""}},
		"metrics": {"enabled": true, "status": {"ready": false}}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `tasks               0 running, 2 queued, 0 blocked, 0 delayed, the oldest queued for 1m2s, STOPPING
accepted            3
ended               3 succeeded, 2 abandoned, 1 vanished
workers             1: 1 ready; ended lately: 1 retired, 2 error
pool                7 failed starts, 1 killed, DRAINING
                    CRASH LOOP, WORKERS FAIL AGAIN AND AGAIN (7): no such file
supervisor          NOT CONNECTED, pid 0, isolation by -, 2 restarts
fork server         -
cgroup tree         -
supervisor error    it ended
pg_notify-producer  NOT CONNECTED
metrics             NOT SERVED
`
	if diff := cmp.Diff(want, tables("status", []any{value})); diff != "" {
		t.Errorf("tables -want +got:\n%s", diff)
	}
}

func TestWorkersThatHaveEndedAreListedWithTheReason(t *testing.T) {
	t.Parallel()
	value, err := message.Decode([]byte(`{
		"worker-0": {"pid": 100, "status": "error", "current_task": null, "current_task_uuid": null, "age": 12, "finished_count": 3, "exit": "killed by SIGSEGV"},
		"worker-1": {"pid": 101, "status": "ready", "current_task": "a.b", "current_task_uuid": "u", "age": 2.5, "finished_count": 0}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `WORKER    PID  STATUS  TASK  UUID  AGE   FINISHED  EXIT
worker-0  100  error   -     -     12s   3         killed by SIGSEGV
worker-1  101  busy    a.b   u     2.5s  0         -
`
	if diff := cmp.Diff(want, tables("workers", []any{value})); diff != "" {
		t.Errorf("tables -want +got:\n%s", diff)
	}
}

func TestOptionsAreCountedInWords(t *testing.T) {
	t.Parallel()
	for i, want := range map[int]string{0: "the first --arg", 4: "the fifth --arg", 5: "--arg (number 6)"} {
		if got := numberedOption("--arg", i); got != want {
			t.Errorf("numberedOption(%d) = %q, want %q", i, got, want)
		}
	}
}

func TestTablesNameTheNodesWhenThereAreSeveral(t *testing.T) {
	t.Parallel()
	got := tables("workers", []any{map[string]any{"node_id": "a"}, map[string]any{"node_id": "b"}})
	if want := "node a:\nno workers\n\nnode b:\nno workers\n"; got != want {
		t.Errorf("tables = %q, want %q", got, want)
	}
}

func TestUUIDsAreRandomAndOfVersion4(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for range 100 {
		uuid := newUUID()
		if !form.MatchString(uuid) || seen[uuid] {
			t.Fatalf("newUUID = %q, want a new UUID of version 4", uuid)
		}
		seen[uuid] = true
	}
}
