package workers

import "time"

// Usage is what one task has cost. A figure that nobody could measure is 0.
type Usage struct {
	// CPU is the user and system time of all processes of the task.
	CPU time.Duration
	// MemoryPeak is the most memory that was taken at once, in bytes, and MemorySource
	// how that is known.
	MemoryPeak   int64
	MemorySource MemorySource
	// MemoryMax is the limit on memory while the task ran, in bytes; 0 is none.
	MemoryMax int64
	// PIDsPeak is how many processes and threads there were at once.
	PIDsPeak int
	// Read and Written are bytes from and to block devices.
	Read, Written int64
	// Throttled is how long the task was held back by its limit on CPU time.
	Throttled time.Duration
	// OOMKills is how many of its processes the out-of-memory killer has ended.
	OOMKills int
	// OOMVictim is the last of them in words, such as "process 4711 (python3)"; "" where it is not known.
	OOMVictim string
	// Leftovers is how many processes were there when the task had ended, and LeftAlone
	// says that they still are, because leftover_processes says so.
	Leftovers int
	LeftAlone bool
}

// MemorySource is how a peak of memory is known.
type MemorySource string

// The sources, from the most exact one on.
const (
	// PeakCounted is the kernel's own record for the cgroup during the task (memory.peak).
	PeakCounted MemorySource = "counted"
	// PeakSampled is the largest of the samples of memory.current that the supervisor took.
	PeakSampled MemorySource = "sampled"
	// PeakOfProcess is the largest resident set of the worker's own process (ru_maxrss).
	PeakOfProcess MemorySource = "process"
)
