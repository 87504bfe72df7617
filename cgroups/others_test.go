package cgroups

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

func TestOthersThatHaveEndedAreNotThere(t *testing.T) {
	t.Parallel()
	kept, other := sleeper(t).Process.Pid, sleeper(t).Process.Pid
	g := fakeGroup(t, map[string]string{"cgroup.procs": itoa(kept) + "\n" + itoa(other) + "\n" + itoa(endedPID(t)) + "\n"})
	if pids, err := g.Others(kept); err != nil || !slices.Equal(pids, []int{other}) {
		t.Errorf("Others(%d) = %v, %v, want %d", kept, pids, err, other)
	}
}

func TestOthersAreKilledWhileTheGroupStandsStill(t *testing.T) {
	t.Parallel()
	kept, other := sleeper(t), sleeper(t)
	g := fakeGroup(t, map[string]string{"cgroup.freeze": "0", "cgroup.events": "populated 1\nfrozen 1\n"})
	put(t, filepath.Join(g.dir, "below", "cgroup.procs"), itoa(other.Process.Pid)+"\n")
	put(t, filepath.Join(g.dir, "cgroup.procs"), itoa(kept.Process.Pid)+"\n")
	reaped := reapBeside(other)
	if killed, err := g.KillOthers(bounded(t), kept.Process.Pid); killed != 1 || err != nil {
		t.Errorf("KillOthers = %d, %v, want one", killed, err)
	}
	if state := <-reaped; state != "signal: killed" {
		t.Errorf("the other ended with %q", state)
	}
	if ended(kept.Process.Pid) {
		t.Error("the one to be kept has ended")
	}
	if got := content(t, filepath.Join(g.dir, "cgroup.freeze")); got != "0" {
		t.Errorf("cgroup.freeze was left at %q, want it thawed", got)
	}
}

func TestOthersAreKilledWhereNoGroupCanBeFrozen(t *testing.T) {
	t.Parallel()
	kept, other := sleeper(t), sleeper(t)
	g := fakeGroup(t, map[string]string{"cgroup.procs": itoa(kept.Process.Pid) + "\n" + itoa(other.Process.Pid) + "\n"})
	reaped := reapBeside(other)
	if killed, err := g.KillOthers(bounded(t), kept.Process.Pid); killed != 1 || err != nil {
		t.Errorf("KillOthers = %d, %v, want one", killed, err)
	}
	if state := <-reaped; state != "signal: killed" {
		t.Errorf("the other ended with %q", state)
	}
}

// reapBeside waits for the process, so that it does not stay as a zombie.
func reapBeside(cmd *exec.Cmd) <-chan string {
	state := make(chan string, 1)
	go func() { state <- endOf(cmd) }()
	return state
}
