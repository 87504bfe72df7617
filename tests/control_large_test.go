package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// largeRequest is a control request of more than 10 MB for the command running.
func largeRequest(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"control": "running", "reply_to": "me", "control_data": map[string]any{"kwargs": map[string]any{"x": strings.Repeat("x", 10_500_000)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(text) < 10_000_000 {
		t.Fatalf("the request has only %d bytes", len(text))
	}
	return string(text)
}

func TestControlRequestOf10MBIsAnsweredAndItsMemoryGivenBack(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	request := largeRequest(t)
	asked := 0
	ask := func() {
		asked++
		id := fmt.Sprintf("large-%d", asked) // under one id it would be the same message again, which is one
		c := d.connect()
		const size = 500_000
		for index, total := 0, (len(request)+size-1)/size; index < total; index++ {
			part := request[index*size : min(len(request), (index+1)*size)]
			c.send(encode(t, map[string]any{"__dispatcherd_chunk__": "v1", "message_id": id, "index": index, "total": total, "payload": part}))
		}
		c.expect(`{"node_id": "test"}`)
	}
	ask() // buffers have grown
	ask()
	const more = 8
	peak := d.peakMemory()
	for range more {
		ask()
	}
	after := d.peakMemory()
	t.Logf("peak memory %d MiB after two requests, %d MiB after %d more", peak, after, more)
	if after-peak > 8*more {
		t.Errorf("the daemon has grown from %d to %d MiB with %d more requests of 10 MB", peak, after, more)
	}
	d.wantNoPartials()
}

func TestControlRequestOf10MBOverPostgresIsAnswered(t *testing.T) {
	t.Parallel()
	d, db := startListening(t, withOriginal(t), "", "jobs")
	path := d.file("request")
	if err := os.WriteFile(path, []byte(largeRequest(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	o := overPostgres(t, db, "jobs")
	got := o.ask(t, `
data = json.loads(open(args[0]).read())["control_data"]
answer(control.control_with_reply("running", data=data, timeout=50))
`, path)
	if text := encode(t, got); text != `[{"node_id":"test"}]` {
		t.Errorf("it was answered %.300s", text)
	}
	d.wantNoPartials()
	wantAlive(t, o.control(t, "alive", nil))
}

// wantNoPartials looks for messages of which parts are kept.
func (d *daemon) wantNoPartials() {
	d.t.Helper()
	reply := d.ask("chunks")
	status, _ := reply["status"].(map[string]any)
	if status["active_messages"] != 0.0 || status["successful_assemblies"] == 0.0 {
		d.t.Errorf("chunks are %v, want no message that waits for parts", reply)
	}
}

func TestLongNameThatIsNoCommandGetsOneError(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	c := d.connect()
	name := strings.Repeat("x", 900_000)
	c.send(`{"control": "` + name + `", "reply_to": "me"}`)
	c.expect(`{"error": "No control method x`, `", "node_id": "test"}`)
	c.alive()
	if n := len(d.log.String()); n > 500_000 {
		t.Errorf("the log has %d bytes: the name is written whole", n)
	}
}
