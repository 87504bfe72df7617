package supervisor

import (
	"sync"
	"time"

	"dispatcherd/cgroups"
)

// ledger is what was read of a worker's cage when its last task was accounted. The
// counters of a cgroup only grow and know no tasks; those of the worker's process are read
// at the begin and end of each task. Their difference is what other processes have used
// that the worker has not waited for: what it has grown by belongs to the task.
type ledger struct {
	mu       sync.Mutex // guards the fields below and what is read of the cage
	closed   bool       // the worker has ended
	begun    bool       // there was an account
	others   counters   // of other processes
	last     cgroups.Account
	noticed  map[int]bool // left alone, and counted for an earlier task
	sampled  sample
	watching bool
}

// counters are those that a process and a cgroup both have.
type counters struct {
	cpu           time.Duration
	read, written int64
}

// close accounts a task: now is what the cage counts at its end, rss what the worker's own
// process takes by then, in bytes.
func (l *ledger) close(now cgroups.Account, spent Spent, rss int64) Account {
	was := l.others
	l.others = counters{cpu: now.CPU - spent.CPUEnd}
	if now.CPU == 0 { // nobody counts for us
		l.others.cpu = was.cpu
	}
	if !l.begun { // what the worker had used before it was in its cgroup is not there
		was.cpu = min(0, l.others.cpu)
	}
	l.begun = true
	if now.HasIO {
		l.others.read, l.others.written = now.Read-spent.ReadEnd, now.Written-spent.WrittenEnd
	}
	a := Account{
		CPU:       max(0, spent.CPUEnd-spent.CPUBegin+l.others.cpu-was.cpu),
		Read:      max(0, spent.ReadEnd-spent.ReadBegin+l.others.read-was.read),
		Written:   max(0, spent.WrittenEnd-spent.WrittenBegin+l.others.written-was.written),
		Throttled: max(0, now.Throttled-l.last.Throttled),
		OOMKills:  max(0, int(now.OOMKills-l.last.OOMKills)),
		MemoryMax: now.MemoryMax,
		PIDsPeak:  max(l.sampled.pids, now.PIDs),
	}
	if now.PIDsPeak > l.last.PIDsPeak {
		a.PIDsPeak = now.PIDsPeak
	}
	a.MemoryPeak, a.MemorySource = l.peak(now, spent.MaxRSS, rss)
	if a.OOMKills > 0 {
		a.OOMVictim = l.sampled.likely
	}
	l.last, l.sampled, l.watching = now, sample{}, false
	return a
}

// peak is the most memory during the task: what the kernel has noted, if that was in this
// task. Else it is the largest that was seen, or what there is now and what the worker's
// process has given back since its own peak, maxRSS, if that is more.
func (l *ledger) peak(now cgroups.Account, maxRSS, rss int64) (int64, MemorySource) {
	seen := max(l.sampled.memory, now.Memory)
	back := now.Memory + max(0, maxRSS-rss)
	if now.MemoryPeak > 0 {
		back = min(back, now.MemoryPeak)
	}
	switch {
	case !now.HasMemory:
		return maxRSS, PeakOfProcess
	case now.FreshPeak || now.MemoryPeak > l.last.MemoryPeak:
		return now.MemoryPeak, PeakCounted
	case now.MemoryMax > 0 && now.MaxHits > l.last.MaxHits:
		return now.MemoryMax, PeakCounted
	case back > seen:
		return back, PeakOfProcess
	default:
		return seen, PeakSampled
	}
}

// notice returns how many of the processes were not there at the end of an earlier task.
func (l *ledger) notice(pids []int) (fresh int) {
	there := map[int]bool{}
	for _, pid := range pids {
		there[pid] = true
		if !l.noticed[pid] {
			fresh++
		}
	}
	l.noticed = there
	return fresh
}
