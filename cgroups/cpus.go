package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// CPUs returns how many CPUs this process may use, at least 1: those of its
// affinity, or fewer where cpu.max of its cgroup or of one above allows less
// time (rounded up to whole CPUs). What cannot be read does not limit.
func CPUs() int {
	const proc = "/proc"
	affinity := runtime.NumCPU() // of the start of the process; see sched_getaffinity(2)
	dir, err := locate(proc, os.Getpid())
	if err != nil {
		return affinity
	}
	mounts, err := read(filepath.Join(proc, "self"), "mountinfo")
	if err != nil {
		return affinity
	}
	top, err := below(mounts, "/")
	if err != nil {
		top = dir // the groups above are not shown to us, and their limits neither
	}
	return max(1, min(affinity, quota(dir, top)))
}

// quota is the least number of CPUs that cpu.max of dir or of a directory above
// it, up to top, allows.
func quota(dir, top string) int {
	least := math.MaxInt
	for {
		text, err := read(dir, "cpu.max")
		if err == nil {
			if n, err := wholeCPUs(text); err == nil {
				least = min(least, n)
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return least
		}
		if dir == top || len(dir) <= len(top) {
			return least
		}
		dir = filepath.Dir(dir)
	}
}

// wholeCPUs reads the text of cpu.max, "$MAX $PERIOD" in microseconds or "max
// $PERIOD" (cgroup-v2, the kernel's Documentation/admin-guide).
func wholeCPUs(text string) (int, error) {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return 0, fmt.Errorf("cpu.max is %q", text)
	}
	if fields[0] == "max" {
		return math.MaxInt, nil
	}
	limit, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0, err
	}
	period, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil || period <= 0 {
		return 0, fmt.Errorf("cpu.max is %q", text)
	}
	return int((limit + period - 1) / period), nil
}
