package faults

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dispatcherd/tests/stand"
)

// What stands before the command of dispatcherctl does not count in the original; its log is printed
// before the reply; and with too few replies over the socket, none is printed. It waits for a reply for one
// second, so that this test runs beside no other.
func TestInteropFault32DispatcherctlLosesOptionsAndReplies(t *testing.T) {
	do := func(b *bed) string {
		_, _, before := b.ctl("--expected-replies", "2", "alive")
		plain, _, _ := b.ctl("alive")
		few, traceback, code := b.ctl("alive", "--expected-replies", "2")
		return fmt.Sprintf("an option before the command: code %d; the log is among the replies: %v; too few replies: code %d, printed: %v, traceback: %v",
			before, strings.Contains(plain, "DEBUG:"), code, strings.Contains(few, "- node_id: n\n"), strings.Contains(traceback, "Traceback"))
	}
	on(t, stand.Original, settings{}, func(b *bed) {
		b.want(do(b), "an option before the command: code 0; the log is among the replies: true; too few replies: code 1, printed: false, traceback: true")
	})
	on(t, stand.Ours, settings{}, func(b *bed) {
		b.want(do(b), "an option before the command: code 1; the log is among the replies: false; too few replies: code 1, printed: true, traceback: false")
	})
}

// The original takes the path of a socket from a service that listens there.
func TestInteropFault35SocketOfAnotherServiceIsTaken(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		other, err := stand.New(b.t, b.Side)
		if err != nil {
			b.t.Fatal(err)
		}
		defer other.End()
		text := fmt.Sprintf("version: 2\nservice: {main_kwargs: {node_id: thief}}\nbrokers: {socket: {socket_path: %s}}\nproducers: {ControlProducer: {}}\n", b.Path("d.sock"))
		if err := os.WriteFile(other.Path("dispatcher.yml"), []byte(text), 0o600); err != nil {
			b.t.Fatal(err)
		}
		if err := other.Run(programs, "../project", "dispatcher.yml"); err != nil {
			b.t.Fatal(err)
		}
		b.waitFor("the other service to have the socket, or to end", func() bool {
			select {
			case <-other.Done:
				return true
			default:
				return strings.Contains(other.Log(), "Set up socket server")
			}
		})
		reply := b.tell(body{"control": "alive", "reply_to": stand.ReplyChannel})
		return fmt.Sprint("who answers is ", reply[0]["node_id"])
	}, "who answers is thief", "who answers is n")
}

// The original's socket has whatever mode the umask leaves, which may be one for everybody.
func TestInteropFault35ModeOfTheSocketIsTheUmasks(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.Cmd.Process.Pid))
		if err != nil {
			b.t.Fatal(err)
		}
		var umask os.FileMode
		if _, err := fmt.Sscanf(regexp.MustCompile(`Umask:\s*\d+`).FindString(string(status)), "Umask: %o", &umask); err != nil {
			b.t.Fatal(err)
		}
		file, err := os.Stat(b.Path("d.sock"))
		if err != nil {
			b.t.Fatal(err)
		}
		if mode := file.Mode().Perm(); mode != 0o777&^umask {
			return fmt.Sprintf("its mode is %o", mode)
		}
		return "its mode is all that the umask leaves"
	}, "its mode is all that the umask leaves", "its mode is 660")
}

// Whoever can connect to the database can have the original run any Python. A file of the original does
// that here as well; the section dispatcherd, which the original ignores, ends it.
func TestInteropFault35AnyTextThatBeginsWithLambdaIsRun(t *testing.T) {
	s := settings{more: "dispatcherd: {worker: {tasks: registered, preload: [app.tasks]}}"}
	both(t, s, func(b *bed) string {
		b.notify("lambda: open('ran', 'a').write('anything ')", mark("later"))
		b.waitFor("the later task", func() bool { return strings.Contains(b.ran(), "later") })
		return b.ran()
	}, "anything later", "later")
}

// A task that fails has its keyword arguments in the original's log, secrets or not.
func TestInteropFault36KeywordArgumentsOfAFailureAreLogged(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		b.tell(body{"task": "app.tasks.nothing", "uuid": "odd", "kwargs": body{"password": "open-sesame"}})
		b.waitLog(1, "Worker failed to run task", "uuid=odd")
		b.leftAfter("odd")
		return fmt.Sprint("the secret is in the log: ", strings.Contains(b.Log(), "open-sesame"))
	}, "the secret is in the log: true", "the secret is in the log: false")
}

// withPage has a page of metrics, on a port that the kernel chooses.
var withPage = settings{service: "  main_kwargs: {node_id: n}\n  metrics_kwargs: {host: 127.0.0.1, port: 0}\n"}

// page is the address of the page of metrics, HOST:PORT.
func (b *bed) page() string {
	b.t.Helper()
	b.waitLog(1, "Serving dispatcherd metrics on", "metrics are served")
	line := strings.Join(append(b.logged("Serving dispatcherd metrics on"), b.logged("metrics are served")...), "")
	port := regexp.MustCompile(`127\.0\.0\.1(?:', |:)([0-9]+)`).FindStringSubmatch(line)
	if port == nil {
		b.t.Fatalf("no port in %q", line)
	}
	return "127.0.0.1:" + port[1]
}

// metrics is what the page says.
func (b *bed) metrics() string {
	b.t.Helper()
	client := http.Client{Timeout: stand.Bound}
	reply, err := client.Get("http://" + b.page() + "/metrics")
	if err != nil {
		b.t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// The original exports the number of its workers as a counter, and nothing of what waits.
func TestInteropFault37NumberOfWorkersIsACounter(t *testing.T) {
	both(t, withPage, func(b *bed) string {
		b.tell(hold("first"), mark("waits"))
		page := b.metrics()
		return fmt.Sprintf("a gauge for the workers: %v, for what waits: %v",
			regexp.MustCompile(`(?m)^# TYPE \S*worker\S* gauge$`).MatchString(page), regexp.MustCompile(`(?m)^\S*queue\S* 1(\.0)?$`).MatchString(page))
	}, "a gauge for the workers: false, for what waits: false", "a gauge for the workers: true, for what waits: true")
}

// Workers that have died are in the original's number. They are in that series here, too; the gauge has
// those that live.
func TestInteropFault37DeadWorkersAreCounted(t *testing.T) {
	s := withPage
	s.pool = "min_workers: 1, max_workers: 1" + unpolled
	both(t, s, func(b *bed) string {
		b.killWorker(b.workers("ready")[0])
		b.tell(mark("1"))
		if b.original() { // see fault 3
			b.tell(mark("2"))
			b.waitLog(1, "died unexpectedly", "")
			b.tell(mark("3"))
			b.waitLines("ran", 2)
		} else {
			b.waitLines("ran", 1)
			b.leftAfter("1")
		}
		told := regexp.MustCompile(`(?m)^(dispatcher_worker_count_total|dispatcherd_workers\{state="ready"\}) \d+`)
		return strings.Join(told.FindAllString(b.metrics(), -1), ", ")
	}, "dispatcher_worker_count_total 2", `dispatcher_worker_count_total 2, dispatcherd_workers{state="ready"} 1`)
}

// The reply of `producers` has one entry for two brokers of the original whose modules end in the same
// name. Here a broker that is a Python module is not listened to, and a line says so.
func TestInteropFault38ProducersOfOneNameAreOne(t *testing.T) {
	s := settings{broker: "    max_connection_idle_seconds: null\n    max_self_check_message_age_seconds: null\n" +
		"  dispatcherd.brokers.socket: {socket_path: e.sock}\n"}
	both(t, s, func(b *bed) string {
		b.waitLog(1, "Set up socket server on e.sock", "is not listened to")
		second, err := stand.Dial(b.Path("e.sock"))
		if err == nil {
			defer second.Conn.Close()
		}
		var names []string
		for name := range b.ask("producers", nil) {
			if strings.Contains(name, "socket") {
				names = append(names, name)
			}
		}
		return fmt.Sprintf("there is a second socket: %v, and %d of them are listed", err == nil, len(names))
	}, "there is a second socket: true, and 1 of them are listed", "there is a second socket: false, and 1 of them are listed")
}

// A level that is set is that of the main process of the original only. So it is here: the level of
// what a task logs is the project's affair.
func TestInteropFault39LevelReachesNoWorker(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		level := body{"task": "lambda: open('ran', 'a').write('%d ' % __import__('logging').getLogger('dispatcherd').getEffectiveLevel())"}
		b.tell(level)
		b.waitLines("ran", 1)
		b.ask("set_log_level", body{"level": "DEBUG"})
		b.tell(level, mark("told"))
		b.waitLines("ran", 3)
		b.leftAfter("told")
		levels := b.lines("ran")
		return fmt.Sprintf("main tells more: %v, the worker's level is another: %v", len(b.logged("told")) > 0, levels[0] != levels[1])
	}, "main tells more: true, the worker's level is another: false", "main tells more: true, the worker's level is another: false")
}

// A message may be as old as it likes, and one that comes twice runs twice: here as well.
func TestInteropFault40OldAndRepeatedMessagesRun(t *testing.T) {
	both(t, settings{}, func(b *bed) string {
		old := mark("same", body{"time_pub": time.Now().Add(-2 * time.Hour).Unix()})
		replies := b.tell(old, old)
		b.waitLines("ran", 2)
		return fmt.Sprintf("%s, %d replies", b.ran(), len(replies))
	}, "same same, 0 replies", "same same, 0 replies")
}

// The original's check of its own connection is a task, which takes a worker and counts as one.
func TestInteropFault41SelfCheckIsATask(t *testing.T) {
	both(t, settings{broker: "    max_connection_idle_seconds: 1\n    max_self_check_message_age_seconds: 1\n"}, func(b *bed) string {
		b.waitFor("a self-check", func() bool {
			check, _ := b.producer("pg_notify-producer")["broker_self_check"].(map[string]any)
			n, _ := check["success_count"].(float64)
			return n > 0
		})
		if b.original() {
			b.waitWorker(0, "done with it", func(w worker) bool { return w.Finished > 0 })
		}
		finished := 0
		for _, w := range b.workers() {
			finished += w.Finished
		}
		return fmt.Sprint("workers have finished some: ", finished > 0)
	}, "workers have finished some: true", "workers have finished some: false")
}

// The original drops a client whose line was not dealt with for two seconds. It cannot be shown there: its
// loop would have to be held up for so long between the coming of the line and its handling, and whether the
// limit is noticed after that before the handling is, is chance. Here a client waits for as long as it takes:
// a full queue holds it up until a task of more than two seconds has ended.
func TestInteropFault43ClientMayWaitForMoreThanTwoSeconds(t *testing.T) {
	t.Parallel()
	s := settings{more: "dispatcherd: {queue: {max_tasks: 1, on_full: pause}}"}
	on(t, stand.Ours, s, func(b *bed) {
		b.tell(body{"task": "app.tasks.nap", "args": []any{2.5, "nap"}})
		b.waitLines("nap", 1)
		b.tell(mark("first"))
		b.tell(mark("second")) // it is answered on the connection that had to wait
		b.waitLines("ran", 2)
		b.want(fmt.Sprintf("%s, after %q", b.ran(), b.lines("nap")), `first second, after ["began" "ended"]`)
	})
}

// The original reads headers for as long as there are any.
func TestInteropFault44HeadersHaveNoBound(t *testing.T) {
	both(t, withPage, func(b *bed) string {
		conn, err := net.DialTimeout("tcp", b.page(), stand.Bound)
		if err != nil {
			b.t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(stand.Bound)); err != nil {
			b.t.Fatal(err)
		}
		head := "GET /metrics HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-Again: "+strings.Repeat("x", 1000)+"\r\n", 20000) + "\r\n"
		sent, err := io.WriteString(conn, head)
		reply, _ := io.ReadAll(conn) // a reset is as good as an end
		return fmt.Sprintf("20 MB of headers are taken: %v", sent == len(head) && err == nil && strings.HasPrefix(string(reply), "HTTP/1.1 200 "))
	}, "20 MB of headers are taken: true", "20 MB of headers are taken: false")
}

// The original says that its page is ready when its port is another's.
func TestInteropFault44PageWithoutAPortIsReady(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	port := taken.Addr().(*net.TCPAddr).Port
	s := settings{service: fmt.Sprintf("  main_kwargs: {node_id: n}\n  metrics_kwargs: {host: 127.0.0.1, port: %d}\n", port)}
	both(t, s, func(b *bed) string {
		b.waitLog(1, "Failed to start server", "metrics are not served")
		status, _ := b.ask("metrics", nil)["status"].(map[string]any)
		return fmt.Sprint("it is ready: ", status["ready"])
	}, "it is ready: true", "it is ready: false")
}

// ctl runs the dispatcherctl of the side on the service's own file.
func (b *bed) ctl(args ...string) (stdout, stderr string, code int) {
	b.t.Helper()
	program := filepath.Join(programs, "dispatcherctl")
	if b.original() {
		program = filepath.Join(stand.Venv(b.t), "bin", "dispatcherctl")
	}
	return b.run(slices.Concat([]string{program}, args), "DISPATCHERD_CONFIG_FILE="+b.Path("dispatcher.yml"))
}
