package supervisor

import (
	"testing"
	"time"

	"dispatcherd/cgroups"
)

const ms = time.Millisecond

// reading is what a cage counts when a task has ended, and what its worker says of it.
type reading struct {
	now   cgroups.Account
	spent Spent
	seen  sample
	want  Account
	rss   int64 // what the worker takes at the end
}

func TestLedgerGivesEachTaskItsOwn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		tasks []reading
	}{
		{"the worker alone, with short tasks in between that were not accounted", []reading{
			{cgroups.Account{CPU: 110 * ms}, Spent{CPUBegin: 10 * ms, CPUEnd: 110 * ms, MaxRSS: 9}, sample{},
				Account{CPU: 100 * ms, MemoryPeak: 9, MemorySource: PeakOfProcess}, 0},
			{cgroups.Account{CPU: 500 * ms}, Spent{CPUBegin: 300 * ms, CPUEnd: 500 * ms, MaxRSS: 8}, sample{},
				Account{CPU: 200 * ms, MemoryPeak: 8, MemorySource: PeakOfProcess}, 0},
		}},
		{"a worker that has ended, whose largest resident set was another task's", []reading{
			{cgroups.Account{CPU: ms, HasMemory: true, MemoryPeak: 90}, Spent{CPUEnd: ms}, sample{},
				Account{CPU: ms, MemoryPeak: 90, MemorySource: PeakCounted}, 0},
			{cgroups.Account{CPU: ms, HasMemory: true, MemoryPeak: 90}, Spent{CPUBegin: ms, CPUEnd: ms, MaxRSS: 80}, sample{memory: 7},
				Account{MemoryPeak: 7, MemorySource: PeakSampled}, 80},
		}},
		{"the worker had used something before it was in its cgroup", []reading{
			{cgroups.Account{CPU: 108 * ms}, Spent{CPUBegin: 10 * ms, CPUEnd: 110 * ms}, sample{}, Account{CPU: 100 * ms, MemorySource: PeakOfProcess}, 0},
			{cgroups.Account{CPU: 158 * ms}, Spent{CPUBegin: 110 * ms, CPUEnd: 150 * ms}, sample{}, Account{CPU: 50 * ms, MemorySource: PeakOfProcess}, 0},
		}},
		{"children that the worker has not waited for", []reading{
			{cgroups.Account{CPU: 400 * ms}, Spent{CPUBegin: 10 * ms, CPUEnd: 110 * ms}, sample{}, Account{CPU: 390 * ms, MemorySource: PeakOfProcess}, 0},
			{cgroups.Account{CPU: 450 * ms}, Spent{CPUBegin: 110 * ms, CPUEnd: 120 * ms}, sample{}, Account{CPU: 50 * ms, MemorySource: PeakOfProcess}, 0},
		}},
		{"a child that was left alone, and is waited for by a later task", []reading{
			{cgroups.Account{CPU: 200 * ms}, Spent{CPUEnd: 100 * ms}, sample{}, Account{CPU: 200 * ms, MemorySource: PeakOfProcess}, 0},
			{cgroups.Account{CPU: 210 * ms}, Spent{CPUBegin: 100 * ms, CPUEnd: 210 * ms}, sample{}, Account{CPU: 10 * ms, MemorySource: PeakOfProcess}, 0},
		}},
		{"no cgroup: what the worker says is all", []reading{
			{cgroups.Account{}, Spent{CPUBegin: 5 * ms, CPUEnd: 105 * ms, ReadEnd: 7, WrittenBegin: 2, WrittenEnd: 9, MaxRSS: 3}, sample{},
				Account{CPU: 100 * ms, Read: 7, Written: 7, MemoryPeak: 3, MemorySource: PeakOfProcess}, 0},
		}},
		{"bytes of others, and bytes that are written after their task", []reading{
			{cgroups.Account{CPU: ms, HasIO: true, Read: 5000, Written: 0}, Spent{CPUEnd: ms, ReadEnd: 1000, WrittenEnd: 300}, sample{},
				Account{CPU: ms, Read: 5000, MemorySource: PeakOfProcess}, 0},
			{cgroups.Account{CPU: ms, HasIO: true, Read: 5000, Written: 300}, Spent{CPUBegin: ms, CPUEnd: ms, ReadBegin: 1000, ReadEnd: 1000, WrittenBegin: 300, WrittenEnd: 300},
				sample{}, Account{Written: 300, MemorySource: PeakOfProcess}, 0},
		}},
		{"throttling, kills and a peak of this task only", []reading{
			{cgroups.Account{CPU: ms, HasMemory: true, Throttled: 30 * ms, OOMKills: 2, Memory: 40, MemoryPeak: 90, MemoryMax: 100, PIDs: 2, PIDsPeak: 8},
				Spent{CPUEnd: ms, MaxRSS: 60}, sample{memory: 70, pids: 5},
				Account{CPU: ms, Throttled: 30 * ms, OOMKills: 2, MemoryPeak: 90, MemorySource: PeakCounted, MemoryMax: 100, PIDsPeak: 8}, 0},
			{cgroups.Account{CPU: ms, HasMemory: true, Throttled: 31 * ms, OOMKills: 2, Memory: 45, MemoryPeak: 90, MemoryMax: 100, PIDs: 2, PIDsPeak: 8},
				Spent{CPUBegin: ms, CPUEnd: ms, MaxRSS: 60}, sample{memory: 70, pids: 5},
				Account{Throttled: ms, MemoryPeak: 70, MemorySource: PeakSampled, MemoryMax: 100, PIDsPeak: 5}, 50},
			{cgroups.Account{CPU: ms, HasMemory: true, Throttled: 31 * ms, OOMKills: 2, Memory: 45, MemoryPeak: 95, MemoryMax: 100, PIDs: 2, PIDsPeak: 8},
				Spent{CPUBegin: ms, CPUEnd: ms}, sample{},
				Account{MemoryPeak: 95, MemorySource: PeakCounted, MemoryMax: 100, PIDsPeak: 2}, 0},
		}},
		{"a short peak that no sample has seen", []reading{
			{cgroups.Account{CPU: ms, HasMemory: true, Memory: 40, MemoryPeak: 90}, Spent{CPUEnd: ms, MaxRSS: 95}, sample{},
				Account{CPU: ms, MemoryPeak: 90, MemorySource: PeakCounted}, 45},
			{cgroups.Account{CPU: ms, HasMemory: true, Memory: 40, MemoryPeak: 90}, Spent{CPUBegin: ms, CPUEnd: ms, MaxRSS: 75}, sample{memory: 42},
				Account{MemoryPeak: 70, MemorySource: PeakOfProcess}, 45},
			{cgroups.Account{CPU: ms, HasMemory: true, Memory: 40, MemoryPeak: 90}, Spent{CPUBegin: ms, CPUEnd: ms, MaxRSS: 900}, sample{memory: 42},
				Account{MemoryPeak: 90, MemorySource: PeakOfProcess}, 45},
		}},
		{"the limit reached again", []reading{
			{cgroups.Account{CPU: ms, HasMemory: true, Memory: 40, MemoryPeak: 100, MemoryMax: 100, MaxHits: 7}, Spent{CPUEnd: ms}, sample{},
				Account{CPU: ms, MemoryPeak: 100, MemorySource: PeakCounted, MemoryMax: 100}, 0},
			{cgroups.Account{CPU: ms, HasMemory: true, Memory: 40, MemoryPeak: 100, MemoryMax: 100, MaxHits: 8}, Spent{CPUBegin: ms, CPUEnd: ms}, sample{memory: 60},
				Account{MemoryPeak: 100, MemorySource: PeakCounted, MemoryMax: 100}, 0},
		}},
		{"a kernel that begins a peak anew", []reading{
			{cgroups.Account{CPU: ms, HasMemory: true, Memory: 40, MemoryPeak: 90}, Spent{CPUEnd: ms}, sample{},
				Account{CPU: ms, MemoryPeak: 90, MemorySource: PeakCounted}, 0},
			{cgroups.Account{CPU: ms, HasMemory: true, Memory: 40, MemoryPeak: 50, FreshPeak: true}, Spent{CPUBegin: ms, CPUEnd: ms}, sample{memory: 48},
				Account{MemoryPeak: 50, MemorySource: PeakCounted}, 0},
		}},
		{"a group that was removed meanwhile takes nothing back", []reading{
			{cgroups.Account{CPU: 9 * ms, HasMemory: true, Throttled: ms, OOMKills: 1, MemoryPeak: 9}, Spent{CPUEnd: 4 * ms}, sample{},
				Account{CPU: 9 * ms, Throttled: ms, OOMKills: 1, MemoryPeak: 9, MemorySource: PeakCounted}, 0},
			{cgroups.Account{}, Spent{CPUBegin: 4 * ms, CPUEnd: 6 * ms, MaxRSS: 5}, sample{},
				Account{CPU: 2 * ms, MemoryPeak: 5, MemorySource: PeakOfProcess}, 0},
		}},
	} {
		var l ledger
		for i, r := range tt.tasks {
			l.sampled = r.seen
			if got := l.close(r.now, r.spent, r.rss); got != r.want {
				t.Errorf("%s, task %d:\n%+v, want\n%+v", tt.name, i+1, got, r.want)
			}
		}
	}
}

func TestLeftoverThatLivesIsCountedOnce(t *testing.T) {
	t.Parallel()
	var l ledger
	for _, tt := range []struct {
		pids []int
		want int
	}{
		{nil, 0}, {[]int{5, 6}, 2}, {[]int{5, 6}, 0}, {[]int{6, 7}, 1}, {nil, 0}, {[]int{6}, 1},
	} {
		if got := l.notice(tt.pids); got != tt.want {
			t.Errorf("notice(%v) = %d, want %d", tt.pids, got, tt.want)
		}
	}
}
