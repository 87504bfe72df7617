package journal

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// say writes as a worker does.
func (r *rig) say(n int) {
	for i := range n {
		r.Info("line "+strconv.Itoa(i), "part", "worker", "worker", 3, "stream", "stdout", "uuid", "u-1", "task", "app.tasks.flood")
	}
}

func TestFloodOfATaskLeavesOutNoneOfTheDaemonsLines(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.native().flood.burst = 2
	r.say(5)
	r.Info("of the daemon")
	r.say(1)
	for _, want := range []string{"line 0", "line 1", "tasks write more than the journal takes", "of the daemon"} {
		e := r.journal.Next()
		if !strings.HasPrefix(e["MESSAGE"], want) {
			t.Fatalf("entry %v, want %s", e, want)
		}
		if strings.HasPrefix(want, "tasks") && (e[TaskUUID] != "u-1" || e["DISPATCHERD_TASK"] != "app.tasks.flood" || e["PRIORITY"] != "4" || e["DISPATCHERD_STREAM"] != "") {
			t.Errorf("the flood is told by %v, want a warning of the task", e)
		}
	}
	r.native().flood.begun = time.Now().Add(-floodInterval)
	r.say(1)
	for _, want := range []string{"lines of tasks were left out count=4", "line 0"} {
		if e := r.journal.Next(); e["MESSAGE"] != want {
			t.Errorf("entry %v, want %s", e, want)
		}
	}
}

// Two of our intervals may begin in one of journald's.
func TestUnitsLetTheDaemonSayMoreThanTwoFloods(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"dispatcherd.service", "dispatcherd@.service", "dispatcherd-workers.service", "dispatcherd-workers@.service"} {
		text, err := os.ReadFile("../../packaging/systemd/" + unit)
		if err != nil {
			t.Fatal(err)
		}
		limit := regexp.MustCompile(`(?m)^LogRateLimitIntervalSec=(\d+)\nLogRateLimitBurst=(\d+)$`).FindStringSubmatch(string(text))
		if limit == nil {
			t.Errorf("%s has no limit of its own", unit)
			continue
		}
		seconds, _ := strconv.Atoi(limit[1])
		burst, _ := strconv.Atoi(limit[2])
		if time.Duration(seconds)*time.Second > floodInterval || burst < 2*floodBurst+floodBurst/5 {
			t.Errorf("%s allows %d entries in %d s, want room for two floods of %d in %v", unit, burst, seconds, floodBurst, floodInterval)
		}
	}
}
