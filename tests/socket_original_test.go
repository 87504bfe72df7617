package tests

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// socketOriginal is a program of the original that uses the daemon's socket.
func (d *daemon) socketOriginal() original {
	return original{d.t, "socket", map[string]any{"socket": map[string]any{"socket_path": d.socket}}}
}

func TestClientsOfTheOriginalPublishOverTheSocket(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, withOriginal(t), ""))
	path := d.file("ran")
	got := d.socketOriginal().ask(t, `
long = '"ä😀\\' * 20000

def message(uuid, text=""):
    return json.dumps({"task": "app.tasks.mark", "uuid": uuid, "args": [args[0], uuid], "pad": text})

answers = [publisher.publish_message(message=message("sync"))]
publisher.publish_message(message=message("long", long))
asyncio.run(publisher.apublish_message(message=message("async")))
asyncio.run(publisher.apublish_message(message=message("long async", long)))
control.control("alive")
try:
    answers.append(asyncio.run(control.acontrol_with_reply("alive", timeout=5)))
except Exception as e:
    answers.append(str(type(e)))
answers.append(control.control_with_reply("alive", timeout=30))
answer(answers)
`, path)
	// Its async control raises before it connects, whatever listens there.
	if want := "[<nil> <class 'TypeError'> [map[node_id:test]]]"; fmt.Sprint(got) != want {
		t.Errorf("the client got %v, want %s", got, want)
	}
	lines := waitFile(t, path, 4)
	slices.Sort(lines)
	if want := []string{"async", "long", "long async", "sync"}; !slices.Equal(lines, want) {
		t.Errorf("the tasks that ran are %q, want %q", lines, want)
	}
}

func TestClientOfTheOriginalTimesOutWhereNothingIsOwed(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, withOriginal(t), ""))
	got := d.socketOriginal().ask(t, `
def patiently(message):
    send = lambda: publisher.publish_message(message=message)
    try:
        return [json.loads(text) for _, text in publisher.process_notify(connected_callback=send, timeout=1, max_messages=1)]
    except TimeoutError:
        return "timeout"

answer([patiently(text) for text in args])
`,
		`{"task": "app.tasks.nothing"}`, `{"control": "alive"}`, `{"control": "alive", "reply_to": ""}`, `[1]`, `lambda: 5`,
		`{"__dispatcherd_chunk__": "v1", "message_id": "m", "index": 0, "total": 2, "payload": "{"}`,
		`{"control": "alive", "reply_to": "any name, of any length, will do: it only says that a reply is wanted"}`)
	want := "[timeout timeout timeout timeout timeout timeout [map[node_id:test]]]"
	if fmt.Sprint(got) != want {
		t.Errorf("the client got %v, want %s", got, want)
	}
}

func TestClientsAreNumberedAndTheNumberIsTheChannel(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	first, second := d.connect(), d.connect()
	for _, c := range []*caller{second, first, second} { // numbered as they connect, not as they speak
		c.send(`{"task": "app.tasks.nothing", "delay": 600, "channel": "forged"}`)
		c.alive()
	}
	first.send(`{"control": "running", "reply_to": "me"}`)
	var reply map[string]any
	decode(t, first.reply(), &reply)
	for i, want := range []string{"1", "0", "1"} {
		task, _ := reply[fmt.Sprintf("delayed-%d", i)].(map[string]any)
		if task["channel"] != want {
			t.Errorf("task %d came over channel %v, want %q", i, task["channel"], want)
		}
	}
}

func TestRequestsOfOneClientAreAnsweredInOrderUntilItHasSaidAll(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	c := d.connect()
	const n = 500
	var all strings.Builder
	for i := range n {
		fmt.Fprintf(&all, "{\"control\": \"no%d\", \"reply_to\": \"me\"}\r\n", i)
	}
	c.write(all.String() + `{"control": "alive", "reply_to": "me"}`) // the last one without its line break
	if err := c.nc.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if got, want := c.reply(), fmt.Sprintf(`{"error": "No control method no%d", "node_id": "test"}`, i); strings.TrimSpace(got) != want {
			t.Fatalf("reply %d is %s, want %s", i, got, want)
		}
	}
	c.expect(`{"node_id": "test"}`)
	c.expectEnd()
}

func TestLongReplyComesInLinesAsTheOriginalSendsThem(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	c := d.connect()
	c.send(`{"task": "app.tasks.nothing", "delay": 600, "pad": "` + strings.Repeat("é", 3000) + `"}`)
	c.send(`{"control": "running", "reply_to": "me"}`)
	longest, lines := 0, 0
	for done := false; !done; lines++ {
		line, err := c.read.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		longest = max(longest, len(line)-1)
		done = strings.Contains(line, fmt.Sprintf(`"index":%d,`, lines)) && strings.Contains(line, fmt.Sprintf(`"total":%d,`, lines+1))
	}
	if longest > 1024 || longest < 1000 || lines < 18 {
		t.Errorf("%d lines of at most %d bytes, want lines of just under 1024", lines, longest)
	}
}

func TestThousandSilentClientsAreNoBurden(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	before := d.peakMemory()
	silent := make([]*caller, 1000)
	for i := range silent {
		silent[i] = d.connect()
	}
	d.connect().alive()
	silent[0].alive()
	silent[999].alive()
	after := d.peakMemory()
	t.Logf("peak memory %d MiB, before %d MiB", after, before)
	if after-before > 64 {
		t.Errorf("the daemon has grown by %d MiB", after-before)
	}
	d.stop() // in order, with all of them connected
	if _, err := os.Lstat(d.socket); err == nil {
		t.Error("the socket is left behind")
	}
	if _, err := io.ReadAll(silent[500].read); err != nil {
		t.Errorf("a silent client saw %v, want the plain end", err)
	}
}

func TestOnlyADeadSocketIsReplaced(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	info, err := os.Lstat(d.socket)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("the socket has mode %v, %v", info.Mode(), err)
	}
	second := prepare(t, strings.Replace(config(t, "", ""), `path = "d.sock"`, fmt.Sprintf("path = %q", d.socket), 1))
	second.run()
	if code := second.wait(); code == 0 || second.log.count("another instance is listening on") == 0 {
		t.Errorf("a second daemon ended with %d:\n%s", code, second.log)
	}
	d.connect().alive()
	kill(t, "the daemon", d.pid())
	d.wait()
	d.orphan = true
	if _, err := os.Lstat(d.socket); err != nil {
		t.Fatalf("a killed daemon leaves no socket: %v", err)
	}
	third := prepare(t, strings.Replace(config(t, "", ""), `path = "d.sock"`, fmt.Sprintf("path = %q", d.socket), 1))
	third.socket = d.socket
	third.run()
	third.waitLog("dispatcherd is running")
	third.connect().alive()
	if err := os.Rename(d.socket, d.socket+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.socket, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	third.stop()
	fourth := prepare(t, strings.Replace(config(t, "", ""), `path = "d.sock"`, fmt.Sprintf("path = %q", d.socket), 1))
	fourth.run()
	if code := fourth.wait(); code == 0 || fourth.log.count("is not a socket; remove it or choose another path") == 0 {
		t.Errorf("on a file it ended with %d:\n%s", code, fourth.log)
	}
	if text, err := os.ReadFile(d.socket); err != nil || string(text) != "precious" {
		t.Errorf("the file at %s is %q, %v", filepath.Base(d.socket), text, err)
	}
}
