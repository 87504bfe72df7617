package config

import (
	"os"
	"runtime"
)

// CPUs returns how many CPUs this process may use: those of its affinity, or
// fewer where a cgroup's cpu.max allows less. It is Go's own count, which
// rounds that limit up, to 2 at least. A GOMAXPROCS in the environment is about
// the daemon's threads and says nothing about workers: the affinity alone counts
// then.
func CPUs() int {
	return cpus(os.Getenv("GOMAXPROCS"), runtime.GOMAXPROCS(0), runtime.NumCPU())
}

func cpus(set string, limited, affinity int) int {
	if set != "" {
		return affinity
	}
	return limited
}
