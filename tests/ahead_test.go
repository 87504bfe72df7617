package tests

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// flood is a crowd of quick tasks, of which each leaves a line in a file.
type flood struct {
	*daemon
	path string
	uuid []string // in the order in which they were submitted
}

// flooded starts a daemon whose workers are ready for a flood, and a connection for it.
func flooded(t *testing.T, workers int, sections ...string) (*flood, *caller) {
	t.Helper()
	d := start(t, config(t, "", fmt.Sprintf("min_workers = %d\nmax_workers = %d", workers, workers), sections...))
	d.waitIdle(workers)
	return d.floods(), d.connect()
}

// floods returns a flood that has not begun.
func (d *daemon) floods() *flood { return &flood{daemon: d, path: d.file("effects")} }

// quick makes the messages of n more of its tasks.
func (f *flood) quick(n int) (messages []string) {
	for range n {
		messages = append(messages, f.one("effect", f.path))
	}
	return messages
}

// one makes the message of one more task, which is one of app.quick.
func (f *flood) one(task string, args ...any) string {
	uuid := fmt.Sprintf("q-%d", len(f.uuid))
	f.uuid = append(f.uuid, uuid)
	return fmt.Sprintf(`{"task": "app.quick.%s", "uuid": %q, "args": %s}`, task, uuid, encode(f.t, args))
}

// ran is how often each task has run.
func (f *flood) ran() map[string]int {
	f.t.Helper()
	times := map[string]int{}
	for _, uuid := range f.lines() {
		times[uuid]++
	}
	return times
}

// lines is what the tasks have left, in the order in which they ran.
func (f *flood) lines() (uuids []string) {
	f.t.Helper()
	text, err := os.ReadFile(f.path)
	if err != nil && !os.IsNotExist(err) {
		f.t.Fatal(err)
	}
	return strings.Fields(string(text))
}

var endOfTask = regexp.MustCompile(`msg="task ended".* uuid=(\S+) .*\boutcome=(\w+)(.*)`)

// ends waits until so many tasks have ended and returns how, by their uuids: the outcome, and what
// else is told. It is an error if one has ended twice.
func (d *daemon) ends(n int) map[string][2]string {
	d.t.Helper()
	lines := d.waitLogs(`msg="task ended"`, n)
	ends := map[string][2]string{}
	for _, line := range lines {
		m := endOfTask.FindStringSubmatch(line)
		if m == nil {
			d.t.Fatalf("a task's end is told as %q", line)
		}
		if before, twice := ends[m[1]]; twice {
			d.t.Errorf("%s has ended twice: %v, then %s", m[1], before, m[2:])
		}
		ends[m[1]] = [2]string{m[2], m[3]}
	}
	if len(ends) != n {
		d.t.Errorf("%d tasks have ended, want %d", len(ends), n)
	}
	return ends
}

// wantNothingLeft checks that no task is left anywhere.
func (d *daemon) wantNothingLeft() {
	d.t.Helper()
	for _, state := range []string{"queued", "blocked", "delayed", "running"} {
		if n := d.figure("tasks", state); n != 0 {
			d.t.Errorf("%d tasks are left %s, want none", n, state)
		}
	}
}

// busy lists the processes of workers that run a task.
func (c *caller) busy() (pids []int) {
	c.t.Helper()
	for _, v := range c.replyTo(`{"control": "workers", "reply_to": "me"}`) {
		if w, _ := v.(map[string]any); w["current_task"] != nil && w["exit"] == nil {
			pids = append(pids, int(w["pid"].(float64)))
		}
	}
	return pids
}

func TestQuickTasksWhoseWorkersAreKilledRunOnceAtMost(t *testing.T) {
	t.Parallel()
	f, c := flooded(t, 3)
	kills := 0
	for rounds := 0; kills < 12 && rounds < 400; rounds++ {
		c.send(append(f.quick(20), f.one("effect", f.path, 0.003))...) // the last keeps others waiting behind it
		if busy := c.busy(); len(busy) > 0 && syscall.Kill(busy[rand.IntN(len(busy))], syscall.SIGKILL) == nil {
			kills++
		}
	}
	killed := 0
	ends, ran := f.ends(len(f.uuid)), f.ran()
	for _, uuid := range f.uuid {
		switch end, times := ends[uuid][0], ran[uuid]; {
		case end == "succeeded" && times == 1:
		case end == "killed" && times <= 1:
			killed++
		default:
			t.Errorf("%s ran %d times and its outcome is %q", uuid, times, end)
		}
	}
	t.Logf("%d workers were killed, with %d tasks of %d", kills, killed, len(f.uuid))
	if kills < 5 || killed > kills {
		t.Errorf("%d workers were killed and %d tasks with them, want 5 workers at least and a task for each at most", kills, killed)
	}
	f.wantNothingLeft()
}

func TestQuickTasksDoNotWaitForOneThatBlocks(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{2, 4} {
		t.Run(fmt.Sprint(workers, " workers"), func(t *testing.T) {
			t.Parallel()
			f, c := flooded(t, workers)
			d := f.daemon
			gate := d.file("gate")
			for range workers - 1 { // until one worker is left
				c.send(f.quick(300)...)
				c.send(fmt.Sprintf(`{"task": "app.tasks.hold", "args": [%q, %q]}`, d.file("held"), gate))
				c.send(f.quick(300)...)
			}
			ends := d.ends(len(f.uuid)) // of the quick ones: the others wait for their gate
			waitFile(t, d.file("held"), workers-1)
			for uuid, end := range ends {
				if end[0] != "succeeded" {
					t.Errorf("%s ended so: %s", uuid, end)
				}
			}
			if n := d.figure("tasks", "running"); n != workers-1 {
				t.Errorf("%d tasks run, want the %d that block", n, workers-1)
			}
			write(t, gate, "", 0o600)
			d.ends(len(f.uuid) + workers - 1)
			d.wantNothingLeft()
			wantOnce(t, f)
		})
	}
}

// wantOnce checks that each task of a flood has run exactly once.
func wantOnce(t *testing.T, f *flood) {
	t.Helper()
	ran := f.ran()
	for _, uuid := range f.uuid {
		if ran[uuid] != 1 {
			t.Errorf("%s ran %d times, want once", uuid, ran[uuid])
		}
	}
}

func TestQuickTaskThatIsCancelledRunsOrIsReported(t *testing.T) {
	t.Parallel()
	f, c := flooded(t, 2)
	c.send(f.quick(1500)...)
	asked, last := map[string]bool{}, len(f.uuid)-1
	for i := 0; i < 150 && len(f.lines()) <= last-150; i++ {
		uuid := f.uuid[min(last, len(f.lines())+rand.IntN(24))] // one that is about to run
		asked[uuid] = true
		c.send(fmt.Sprintf(`{"control": "cancel", "reply_to": "me", "control_data": {"uuid": %q}}`, uuid))
		c.reply()
		if i%5 == 0 {
			c.wantEachOnce()
		}
	}
	never := 0
	ends, ran := f.ends(len(f.uuid)), f.ran()
	for _, uuid := range f.uuid {
		end, times := ends[uuid], ran[uuid]
		switch before := strings.Contains(end[1], "before it ran"); {
		case end[0] == "succeeded" && times == 1:
		case end[0] == "cancelled" && asked[uuid] && before && times == 0:
			never++
		case end[0] == "cancelled" && asked[uuid] && !before && times <= 1: // it was interrupted
		default:
			t.Errorf("%s ran %d times and its end is %q; was it to be cancelled? %v", uuid, times, end, asked[uuid])
		}
	}
	t.Logf("%d of %d tasks were cancelled before they ran", never, len(asked))
	if never == 0 {
		t.Error("no cancel came before its task ran: the queue was always empty")
	}
	f.wantNothingLeft()
}

// wantEachOnce checks that running lists no task in two states.
func (c *caller) wantEachOnce() {
	c.t.Helper()
	at := map[string]string{}
	for place, v := range c.replyTo(`{"control": "running", "reply_to": "me"}`) {
		m, ok := v.(map[string]any)
		if !ok {
			continue // the name of the node
		}
		uuid := fmt.Sprint(m["uuid"])
		if at[uuid] != "" {
			c.t.Errorf("%s is listed as %s and as %s", uuid, at[uuid], place)
		}
		at[uuid] = place
	}
}

var saidBy = regexp.MustCompile(`msg="said by (\S+)".* uuid=(\S+)`)

func TestOutputOfQuickTasksIsLoggedAsTheirs(t *testing.T) {
	t.Parallel()
	f, c := flooded(t, 2)
	want := map[string]int{}
	for range 1200 {
		how := []string{"lines", "unfinished", "error", "descriptor"}[rand.IntN(4)]
		message := f.one("say", how)
		want[f.uuid[len(f.uuid)-1]] = 1
		if how == "lines" {
			want[f.uuid[len(f.uuid)-1]] = 2
		}
		c.send(message)
		for range rand.IntN(5) {
			c.send(f.one("say", "nothing"))
		}
	}
	for uuid, end := range f.ends(len(f.uuid)) {
		if end[0] != "succeeded" {
			t.Errorf("%s ended as %v, want that it succeeded", uuid, end)
		}
	}
	said := map[string]int{}
	for _, line := range f.log.all("said by") {
		m := saidBy.FindStringSubmatch(line)
		if m == nil || m[1] != m[2] {
			t.Errorf("this is another task's, or cut: %s", line)
			continue
		}
		said[m[1]]++
	}
	for _, uuid := range f.uuid {
		if said[uuid] != want[uuid] {
			t.Errorf("%s said something in %d lines of the log, want %d", uuid, said[uuid], want[uuid])
		}
	}
}

func TestTasksWithBoundsKeepThemBesideQuickOnes(t *testing.T) {
	t.Parallel()
	const sections = "[[task]]\nmatch = \"app.quick.alone\"\nmax_concurrency = 1\n" +
		"[[task]]\nmatch = \"app.tasks.take\"\nlimits = { memory_max = \"150M\" }\n"
	f, c := flooded(t, 3, sections)
	others := map[string][]string{} // how those end that are not of the flood
	for i := range 300 {
		c.send(f.quick(3)...)
		c.send(f.one("alone", f.path, f.file("token"))) // which fails if it is not
		if i%100 == 50 {
			late, large := fmt.Sprintf("late-%d", i), fmt.Sprintf("large-%d", i)
			others[late], others[large] = []string{"timed_out"}, []string{"failed", "oom_killed"}
			c.send(fmt.Sprintf(`{"task": "app.tasks.nap", "uuid": %q, "args": [600], "timeout": 0.05}`, late))
			c.send(fmt.Sprintf(`{"task": "app.tasks.take", "uuid": %q, "args": [300]}`, large))
		}
	}
	for uuid, end := range f.ends(len(f.uuid) + len(others)) {
		want := []string{"succeeded"}
		if others[uuid] != nil {
			want = others[uuid]
		}
		if !slices.Contains(want, end[0]) {
			t.Errorf("%s ended as %v, want %s", uuid, end, want)
		}
	}
	wantOnce(t, f)
	f.wantNothingLeft()
}

func TestHandAheadOutOfRangeIsRefusedInOneLine(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"17": "pool.hand_ahead: must be 0 to 16, got 17", "-1": "pool.hand_ahead: must be 0 to 16, got -1", "0": "", "16": "",
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "dispatcherd.toml"), config(t, "", "hand_ahead = "+value), 0o600)
		a := runProgram(t, dir, "dispatcherd", "--check")
		said := strings.Split(strings.TrimSpace(a.stderr), "\n")
		if want == "" {
			if a.code != 0 {
				t.Errorf("hand_ahead = %s: --check ends with %d\n%s%s", value, a.code, a.stdout, a.stderr)
			}
		} else if a.code != 1 || len(said) != 1 || !strings.Contains(said[0], want) {
			t.Errorf("hand_ahead = %s: --check ends with %d and says\n%s%s\nwant one line with %q", value, a.code, a.stdout, a.stderr, want)
		}
	}
}

// wantPrefix checks that the first tasks of a flood have run, in order and once, and no others.
func (f *flood) wantPrefix(last int) {
	f.t.Helper()
	if got := f.lines(); !slices.Equal(got, f.uuid[:last+1]) {
		f.t.Errorf("tasks ran in the order %v, want %s to %s", got, f.uuid[0], f.uuid[last])
	}
}
