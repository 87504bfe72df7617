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
	affinity := runtime.NumCPU() // of the start of the process; see sched_getaffinity(2)
	dir, top, err := wayUp("/proc", os.Getpid())
	if err != nil {
		return affinity
	}
	return max(1, min(affinity, quota(dir, top)))
}

// quota is the least number of CPUs that cpu.max of dir or of a directory above
// it, up to top, allows.
func quota(dir, top string) int { return int(least(dir, top, "cpu.max", wholeCPUs)) }

// least is the smallest value of a file of dir and of the directories above it, up to top;
// math.MaxInt64 when none limits. What cannot be read or parsed does not.
func least(dir, top, name string, parse func(text string) (int64, error)) int64 {
	found := int64(math.MaxInt64)
	for {
		text, err := read(dir, name)
		if err == nil {
			if n, err := parse(text); err == nil {
				found = min(found, n)
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return found
		}
		if dir == top || len(dir) <= len(top) {
			return found
		}
		dir = filepath.Dir(dir)
	}
}

// wholeCPUs reads the text of cpu.max, "$MAX $PERIOD" in microseconds or "max
// $PERIOD" (cgroup-v2, the kernel's Documentation/admin-guide).
func wholeCPUs(text string) (int64, error) {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return 0, fmt.Errorf("cpu.max is %q", text)
	}
	if fields[0] == "max" {
		return math.MaxInt64, nil
	}
	limit, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0, err
	}
	period, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil || period <= 0 {
		return 0, fmt.Errorf("cpu.max is %q", text)
	}
	return (limit + period - 1) / period, nil
}
