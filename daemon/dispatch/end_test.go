package dispatch

import (
	"fmt"
	"strings"
	"testing"

	"dispatcherd/daemon/message"
)

func TestEndNamesEverythingAbandonedInOneLine(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		watches := []<-chan Ended{
			r.submit(body("a", "job", message.Serial)),
			r.submit(body("b", "job", message.Serial)),
			r.submit(body("c", "else", message.Parallel)),
			r.submit(`{"uuid": "d", "task": "job", "delay": 60}`),
		}
		r.stop()
		for _, watch := range watches {
			r.wantEnd(watch, Abandoned)
		}
		lines := r.logs("tasks are abandoned")
		if len(lines) != 1 || lines[0]["level"] != "WARN" || lines[0]["count"] != 4.0 {
			r.Fatalf("logged %v, want one warning about 4 tasks", lines)
		}
		for state, uuid := range map[string]string{"running": "a", "blocked": "b", "queued": "c", "delayed": "d"} {
			if got, want := fmt.Sprint(lines[0][state]), fmt.Sprintf("map[count:1 uuids:[%s]]", uuid); got != want {
				r.Errorf("%s is %s, want %s", state, got, want)
			}
		}
	})
}

func TestListOfAbandonedTasksIsBounded(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		for i := range 250 {
			r.submit(body(fmt.Sprintf("task-%d", i), "job", message.Parallel))
		}
		r.submit(body("held", "job", message.Serial))
		r.stop()
		lines := r.logs("tasks are abandoned")
		if len(lines) != 1 || lines[0]["count"] != 251.0 {
			r.Fatalf("logged %v, want one line about 251 tasks", lines)
		}
		text := fmt.Sprint(lines[0])
		if n := strings.Count(text, "task-") + strings.Count(text, "held"); n != 100 {
			r.Errorf("%d uuids are named, want 100", n)
		}
		if queued := lines[0]["queued"].(map[string]any); queued["count"] != 249.0 {
			r.Errorf("%v queued tasks are counted, want 249", queued["count"])
		}
	})
}

func TestQuietEndLeavesNoLine(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.submit(body("a", "job", message.Parallel))
		r.finish("a")
		r.stop()
		if lines := r.logs("tasks are abandoned"); len(lines) != 0 {
			r.Errorf("logged %v although nothing was left", lines)
		}
	})
}

func TestForgottenWatchDoesNotHoldTheLoop(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		if err := r.Submit(parse(r, body("a", "job", message.Parallel)), make(chan Ended)); err != nil {
			r.Fatal(err)
		}
		r.submit(body("b", "job", message.Parallel))
		r.finish("a")
		r.wantList("worker-0 b")
		if lines := r.logs("nobody takes the end of a watched task; this is a bug"); len(lines) != 1 {
			r.Errorf("%d lines about the watch without room, want 1", len(lines))
		}
	})
}
