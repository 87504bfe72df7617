package tests

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// largeRequest is a control request of more than 10 MB for the command running.
func largeRequest(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"control": "running", "reply_to": "me", "control_data": map[string]any{"kwargs": map[string]any{"x": strings.Repeat(`x"`, 4_000_000)}},
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
	d, db := startListening(t, withOriginal(t), "", "jobs")
	request := largeRequest(t)
	path := d.file("request")
	if err := os.WriteFile(path, []byte(request), 0o600); err != nil {
		t.Fatal(err)
	}
	over := map[string]func(){
		"socket": func() {
			c := d.connect()
			for index, total := 0, len(request)/500_000+1; index < total; index++ {
				part := request[index*500_000 : min(len(request), (index+1)*500_000)]
				c.send(encode(t, map[string]any{"__dispatcherd_chunk__": "v1", "message_id": "large", "index": index, "total": total, "payload": part}))
			}
			c.expect(`{"node_id": "test"}`)
		},
		"pg_notify": func() {
			got := overPostgres(t, db, "jobs").ask(t, `
data = json.loads(open(args[0]).read())["control_data"]
answer(control.control_with_reply("running", data=data, timeout=50))
`, path)
			if text := encode(t, got); text != `[{"node_id":"test"}]` {
				t.Errorf("over pg_notify it was answered %.300s", text)
			}
		},
	}
	for name, ask := range over {
		ask() // buffers have grown
		ask()
		peak := d.peakMemory()
		for range 3 {
			ask()
		}
		after := d.peakMemory()
		t.Logf("over %s: peak memory %d MiB after two requests, %d MiB after five", name, peak, after)
		if after-peak > 60 {
			t.Errorf("over %s the daemon has grown from %d to %d MiB with three more requests of 10 MB", name, peak, after)
		}
		reply := d.ask("chunks")
		status, _ := reply["status"].(map[string]any)
		if status["active_messages"] != 0.0 {
			t.Errorf("over %s parts are left: %v", name, reply)
		}
	}
	wantAlive(t, overPostgres(t, db, "jobs").control(t, "alive", nil))
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
