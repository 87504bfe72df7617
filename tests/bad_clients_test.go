package tests

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// peakMemory is the most memory that the daemon has had resident, in MiB.
func (d *daemon) peakMemory() int {
	d.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.pid()))
	if err != nil {
		d.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	kib, err := strconv.Atoi(fields[0])
	if err != nil || fields[1] != "kB" {
		d.t.Fatalf("VmHWM is %q, %v", fields[:2], err)
	}
	return kib / 1024
}

// wantDropped waits for the line about a connection that was closed, and
// compares how many messages were rejected.
func (d *daemon) wantDropped(reason string, n float64) {
	d.t.Helper()
	line := d.waitLog("reason=" + quoted(reason))
	if !strings.Contains(line, "control connection closed") || !strings.Contains(line, "peer=") {
		d.t.Errorf("logged %q, want that the connection is closed, and whose it is", line)
	}
	if got := d.metrics()[metricRejected]; got != n {
		d.t.Errorf("%s is %v, want %v", metricRejected, got, n)
	}
}

func TestLineOf16MiBWithoutEndIsRefusedWithoutHoldingIt(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "", withMetrics))
	bystander, before := d.connect(), d.peakMemory()
	c := d.connect()
	piece := strings.Repeat("x", 1<<20)
	for range 16 {
		if _, err := io.WriteString(c.nc, piece); err != nil {
			break // one that is slow is cut off; it can still read why
		}
	}
	c.expect(`{"error": "line is longer than 1048576 bytes"}`)
	d.wantDropped("line is longer than 1048576 bytes", 1)
	after := d.peakMemory()
	t.Logf("peak memory %d MiB, before %d MiB", after, before)
	if after-before > 24 {
		t.Errorf("the daemon has grown by %d MiB for a line of 16 MiB", after-before)
	}
	bystander.alive()
	d.connect().alive()
}

func TestLineThatIsNoTextIsRefused(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "", withMetrics))
	c := d.connect()
	path := d.file("ran")
	c.send(fmt.Sprintf(`{"task": "app.tasks.mark", "args": [%q]}`, path), "{\"task\": \"app.tasks.mark\xff\"}")
	c.expect(`{"error": "line is not valid UTF-8"}`)
	c.expectEnd()
	d.wantDropped("line is not valid UTF-8", 1)
	waitFile(t, path, 1) // the line before it was accepted
	d.connect().alive()
}

func TestClientThatLeavesInTheMiddleOfALineHasSentNothing(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "", withMetrics))
	c, path := d.connect(), d.file("ran")
	c.send(fmt.Sprintf(`{"task": "app.tasks.mark", "args": [%q, "whole"]}`, path))
	c.write(fmt.Sprintf(`{"task": "app.tasks.mark", "args": [%q, "ha`, path))
	c.nc.Close()
	d.wantDropped("client left in the middle of a line", 1)
	d.connect().alive()
	d.task("app.tasks.nothing")
	if lines := waitFile(t, path, 1); len(lines) != 1 || lines[0] != "whole" {
		t.Errorf("tasks that ran: %q, want the one whose line was whole", lines)
	}
}

func TestClientThatLeavesInTheMiddleOfAReply(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	c := d.connect()
	const tasks = 5
	for range tasks {
		c.send(`{"task": "app.tasks.nothing", "delay": 3600, "args": ["` + strings.Repeat("x", 400_000) + `"]}`)
	}
	c.alive() // all were taken
	c.send(`{"control": "running", "reply_to": "me"}`)
	if _, err := c.read.ReadByte(); err != nil {
		t.Fatal(err)
	}
	c.nc.Close()
	d.waitLog("reply could not be sent")
	other := d.connect()
	other.alive()
	other.send(`{"control": "cancel", "control_data": {"all": true}, "reply_to": "me"}`)
	if got := strings.Count(other.reply(), `"delayed-`); got != tasks {
		t.Errorf("%d tasks are there, want the %d that were accepted", got, tasks)
	}
}

func TestTaskWhoseWaitingClientLeavesRunsToItsEnd(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	h := d.submitHeld("orphan")
	waitFile(t, h.path, 1)
	if err := h.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	h.answer() // it is gone
	c := d.connect()
	path := d.file("napped")
	c.send(fmt.Sprintf(`{"control": "run", "wait": true, "reply_to": "me", "control_data": {"task": "app.tasks.nap", "args": [0.1, %q]}}`, path))
	c.expect(`"ack"`)
	c.nc.Close()
	h.letGo()
	waitFile(t, h.path, 2)
	if lines := waitFile(t, path, 2); lines[1] != "ended" {
		t.Errorf("the task has noted %q, want that it ended", lines)
	}
	d.waitLogs("outcome=succeeded", 2)
	d.connect().alive()
}

func TestThousandClientsAtOnceAreAllServed(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	const half = 500
	silent := make([]*caller, half)
	for i := range silent {
		silent[i] = d.connect()
	}
	var all sync.WaitGroup
	for i := range half {
		c := d.connect()
		if i%50 == 0 {
			c.write(`{"control": "alive", "rep`) // and never the rest
			continue
		}
		all.Go(func() {
			if err := c.isAlive(); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	all.Wait()
	path := d.file("ran")
	for i, c := range silent {
		if i%10 == 0 {
			c.send(fmt.Sprintf(`{"task": "app.tasks.mark", "args": [%q, "%d"]}`, path, i))
		}
		c.alive()
	}
	seen := map[string]bool{}
	for _, line := range waitFile(t, path, half/10) {
		seen[line] = true
	}
	if len(seen) != half/10 {
		t.Errorf("%d tasks ran, want the %d that were sent, each once", len(seen), half/10)
	}
}
