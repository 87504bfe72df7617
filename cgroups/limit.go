package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// cpuPeriod is the period of cpu.max in microseconds, the kernel's usual one.
const cpuPeriod = 100_000

// limitFile is the kernel's file for one of the limits (cgroup-v2, the kernel's
// Documentation/admin-guide).
type limitFile struct {
	key, name string
	of        func(*Limits) *quantity
	text      func(quantity) string
}

func bound(a quantity) string {
	if n, ok := a.Number(); ok {
		return fmt.Sprint(n)
	}
	return "max"
}

func cpuMax(a quantity) string {
	if n, ok := a.Number(); ok {
		return fmt.Sprintf("%d %d", n*cpuPeriod/100, cpuPeriod)
	}
	return fmt.Sprintf("max %d", cpuPeriod)
}

func weight(a quantity) string {
	if n, ok := a.Number(); ok {
		return fmt.Sprint(n)
	}
	return "100"
}

// The order is the one in which limits are taken away: first that on swap and the hard one
// on memory, so that nothing has to be reclaimed for a limit that goes. They are set in the
// opposite order: memory.high begins to reclaim before memory.max would kill.
var limitFiles = []limitFile{
	{"swap_max", "memory.swap.max", func(l *Limits) *quantity { return &l.SwapMax.quantity }, bound},
	{"memory_max", "memory.max", func(l *Limits) *quantity { return &l.MemoryMax.quantity }, bound},
	{"memory_high", "memory.high", func(l *Limits) *quantity { return &l.MemoryHigh.quantity }, bound},
	{"tasks_max", "pids.max", func(l *Limits) *quantity { return &l.TasksMax.quantity }, bound},
	{"cpu_quota", "cpu.max", func(l *Limits) *quantity { return &l.CPUQuota.quantity }, cpuMax},
	{"cpu_weight", "cpu.weight", func(l *Limits) *quantity { return &l.CPUWeight.quantity }, weight},
	{"io_weight", "io.weight", func(l *Limits) *quantity { return &l.IOWeight.quantity }, weight},
}

// Limit changes the group's limits, which are those of from, to those of to; both are
// resolved, and only what differs is written. Limits for which the group has no file are
// returned by name: their controller is not handed down to us. After an error the
// limits are those of from again, as far as the kernel lets them.
func (g *Group) Limit(from, to Limits) (absent []string, err error) {
	var done []limitFile
	for _, f := range inOrder(from, to) {
		if g.files != nil && !g.files[f.name] {
			if f.of(&to).IsSet() {
				absent = append(absent, f.key)
			}
			continue
		}
		switch err := write(g.dir, f.name, f.text(*f.of(&to))); {
		case errors.Is(err, fs.ErrNotExist):
			if f.of(&to).IsSet() { // else nothing of it was ever written
				absent = append(absent, f.key)
			}
		case err != nil:
			return nil, errors.Join(fmt.Errorf("limit %s: %w", f.key, err), g.undo(done, from))
		default:
			done = append(done, f)
		}
	}
	return absent, nil
}

// undo writes the limits of from again.
func (g *Group) undo(done []limitFile, from Limits) (err error) {
	for i := len(done) - 1; i >= 0; i-- {
		err = errors.Join(err, write(g.dir, done[i].name, done[i].text(*done[i].of(&from))))
	}
	return err
}

// inOrder returns the files to write: what is raised comes before what is lowered.
func inOrder(from, to Limits) []limitFile {
	var raised, lowered []limitFile
	for _, f := range limitFiles {
		was, is := *f.of(&from), *f.of(&to)
		switch {
		case f.text(was) == f.text(is):
		case was.atMost(is):
			raised = append(raised, f)
		default:
			lowered = append([]limitFile{f}, lowered...)
		}
	}
	return append(raised, lowered...)
}

// LimitsMemory says whether the group has what limits its memory.
func (g *Group) LimitsMemory() bool {
	if g.files == nil {
		return limitFilesIn(g.dir)["memory.max"]
	}
	return g.files["memory.max"]
}

// limitFilesIn says which of the kernel's files for limits there are.
func limitFilesIn(dir string) map[string]bool {
	files := map[string]bool{}
	for _, f := range limitFiles {
		_, err := os.Lstat(filepath.Join(dir, f.name))
		files[f.name] = err == nil
	}
	return files
}

// MemoryFloor is what the group cannot give back: memory.current less page cache and what
// the kernel could free of its own. A memory.max below has processes killed. ok is false
// where the memory controller is not handed down to us, or the group is gone.
func (g *Group) MemoryFloor() (bytes int64, ok bool, err error) {
	if !g.LimitsMemory() {
		return 0, false, nil
	}
	r := reading{dir: g.dir}
	bytes = r.number("memory.current")
	text, ok := r.text("memory.stat")
	if !ok || r.failed != nil {
		return 0, false, r.failed
	}
	for line := range strings.Lines(text) {
		switch key, _, _ := strings.Cut(line, " "); key {
		case "active_file", "inactive_file", "slab_reclaimable":
			n, _ := value(line, key)
			bytes -= n
		}
	}
	return max(bytes, 0), true, nil
}
