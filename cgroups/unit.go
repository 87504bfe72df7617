package cgroups

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Unit is what all groups of this process's may use together: percentages are of it.
type Unit struct {
	Memory int64 `json:"memory,omitempty"` // bytes; 0 where it is not known
	Tasks  int64 `json:"tasks,omitempty"`  // processes and threads; likewise
	CPUs   int   `json:"cpus,omitempty"`
}

// Available returns what the process's own cgroup and those above it allow, and otherwise
// what the machine has.
func Available() Unit { return available("/proc", os.Getpid()) }

func available(proc string, pid int) Unit {
	u := Unit{Memory: memTotal(proc), CPUs: CPUs()}
	if text, err := read(proc, "sys/kernel/threads-max"); err == nil {
		u.Tasks, _ = strconv.ParseInt(strings.TrimSpace(text), 10, 64) // 0 is not known
	}
	dir, top, err := wayUp(proc, pid)
	if err != nil {
		return u
	}
	u.Memory = tighter(u.Memory, least(dir, top, "memory.max", plainLimit))
	u.Tasks = tighter(u.Tasks, least(dir, top, "pids.max", plainLimit))
	return u
}

// tighter is the smaller of what the machine has, 0 where that is not known, and a limit.
func tighter(machine, limit int64) int64 {
	switch {
	case limit == math.MaxInt64:
		return machine
	case machine == 0:
		return limit
	default:
		return min(machine, limit)
	}
}

// plainLimit reads "max" or a number.
func plainLimit(text string) (int64, error) {
	text = strings.TrimSpace(text)
	if text == "max" {
		return math.MaxInt64, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return n, nil
}

// memTotal is the machine's memory, from meminfo (proc_meminfo(5)); 0 where it is not told.
func memTotal(proc string) int64 {
	text, err := read(proc, "meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64) // 0 is not known
			return kilobytes << 10
		}
	}
	return 0
}

// wayUp returns the directory of pid's group and the highest one above it that we can see.
func wayUp(proc string, pid int) (dir, top string, err error) {
	if dir, err = locate(proc, pid); err != nil {
		return "", "", err
	}
	mounts, err := read(filepath.Join(proc, "self"), "mountinfo")
	if err != nil {
		return "", "", err
	}
	if top, err = below(mounts, "/"); err != nil {
		top = dir // the groups above are not shown to us, and their limits neither
	}
	return dir, top, nil
}
