package process

import (
	"encoding/json"
	"fmt"
	"sync"
	"syscall"
	"testing"

	"dispatcherd/workers"
	"dispatcherd/workers/supervisor"
	"dispatcherd/workers/workerstest"
)

// frameCounterpart is a worker that speaks in frames.
type frameCounterpart struct {
	*rig
	in *inbox
}

func (c *frameCounterpart) Say(r workers.Report) {
	c.t.Helper()
	switch r.Kind {
	case workers.Hello:
		c.write(frame{helloFrame, 0, []byte(`{"version":1}`)})
	case workers.Asked:
		body, err := json.Marshal(map[string]string{"command": r.Command})
		if err != nil {
			c.t.Fatal(err)
		}
		c.write(frame{requestFrame, r.Seq, body})
	case workers.Done:
		c.write(frame{doneFrame, r.Seq, doneBody(1, 0, 1, 2, "", "")})
	case workers.Leaving:
		body, err := json.Marshal(map[string]string{"reason": r.Reason})
		if err != nil {
			c.t.Fatal(err)
		}
		c.write(frame{leaveFrame, 0, body})
	case workers.Exited:
		if r.Clean {
			c.die(supervisor.Exit{})
		} else {
			c.die(supervisor.Exit{Code: 1})
		}
	}
}

func (c *frameCounterpart) Hear() string {
	f, err := c.in.next()
	if err != nil {
		return err.Error()
	}
	switch f.kind {
	case taskFrame:
		return fmt.Sprintf("task %d", f.seq)
	case cancelFrame:
		return fmt.Sprintf("cancel %d", f.seq)
	case replyFrame:
		return fmt.Sprintf("reply %d %s", f.seq, f.body)
	case stopFrame:
		return "stop"
	default:
		return fmt.Sprintf("frame of kind %q", f.kind)
	}
}

func TestProcessConforms(t *testing.T) {
	t.Parallel()
	workerstest.Conforms(t, func(t *testing.T) (workers.Process, workerstest.Counterpart) {
		r := newRig(t)
		var once sync.Once // a kill of what has ended does nothing
		r.onKill = func() { once.Do(func() { r.exited <- supervisor.Exit{Signal: syscall.SIGKILL} }) }
		in, err := newInbox(r.worker)
		if err != nil {
			t.Fatal(err)
		}
		return r.Process, &frameCounterpart{rig: r, in: in}
	})
}
