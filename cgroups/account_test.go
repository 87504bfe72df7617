package cgroups

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAccountIsWhatTheKernelSays(t *testing.T) {
	t.Parallel()
	cpu := "usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\nnice_usec 0\n"
	memory := map[string]string{
		"memory.current": "123456789012\n", "memory.max": "536870912\n",
		"memory.events": "low 0\nhigh 0\nmax 21\noom 2\noom_kill 1\noom_group_kill 0\n",
	}
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  Account
	}{
		{"a tree without controllers", map[string]string{"cpu.stat": cpu}, Account{CPU: 1500 * time.Millisecond}},
		{"no limit on memory, and a kernel without memory.peak", with(memory, map[string]string{"cpu.stat": cpu, "memory.max": "max\n"}),
			Account{CPU: 1500 * time.Millisecond, HasMemory: true, Memory: 123456789012, OOMKills: 1, MaxHits: 21}},
		{"all of them", with(memory, map[string]string{
			"cpu.stat":    cpu + "nr_periods 10\nnr_throttled 2\nthrottled_usec 70000\n",
			"memory.peak": "123456789999\n", "pids.current": "3\n", "pids.peak": "17\n",
			"io.stat": "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=7 dios=1\n254:1 rbytes=1000 wbytes=24 rios=2 wios=1 dbytes=0 dios=0\n259:0 \n",
		}), Account{
			CPU: 1500 * time.Millisecond, Throttled: 70 * time.Millisecond, HasMemory: true, HasIO: true, Memory: 123456789012,
			MemoryPeak: 123456789999, MemoryMax: 536870912, OOMKills: 1, MaxHits: 21, PIDs: 3, PIDsPeak: 17, Read: 5096, Written: 24,
		}},
		{"a group that is gone", nil, Account{}},
	} {
		if got, err := fakeGroup(t, tt.files).Account(); err != nil || got != tt.want {
			t.Errorf("%s: Account() = %+v, %v\nwant %+v", tt.name, got, err, tt.want)
		}
	}
}

// with adds files to others.
func with(some, more map[string]string) map[string]string {
	all := map[string]string{}
	for _, files := range []map[string]string{some, more} {
		for name, text := range files {
			all[name] = text
		}
	}
	return all
}

func TestFigureThatIsNoneIsAnErrorAndTheRestIsTold(t *testing.T) {
	t.Parallel()
	g := fakeGroup(t, map[string]string{"pids.current": "many\n", "cpu.stat": "usage_usec 7\n"})
	a, err := g.Account()
	if err == nil || !strings.Contains(err.Error(), g.dir+`/pids.current: "many" is not a number`) || a.CPU != 7*time.Microsecond {
		t.Errorf("Account() = %+v, %v, want the CPU time and what is wrong with which file", a, err)
	}
}

func TestPeakIsBegunAnewWhereTheKernelCan(t *testing.T) {
	t.Parallel()
	g := fakeGroup(t, map[string]string{"memory.peak": "900\n"})
	peak := g.OpenPeak()
	defer peak.Close()
	if bytes, ok := peak.Read(); ok {
		t.Errorf("Read before Reset = %d, want nothing", bytes)
	}
	peak.Reset()
	if got := content(t, filepath.Join(g.dir, "memory.peak")); got != "reset\n" {
		t.Errorf("memory.peak got %q", got)
	}
	put(t, filepath.Join(g.dir, "memory.peak"), "300\n")
	if bytes, ok := peak.Read(); bytes != 300 || !ok {
		t.Errorf("Read after Reset = %d, %v, want 300", bytes, ok)
	}
}

func TestKernelThatBeginsNoPeakAnewIsNoError(t *testing.T) {
	t.Parallel()
	absent := fakeGroup(t, nil).OpenPeak()
	absent.Reset()
	if bytes, ok := absent.Read(); ok {
		t.Errorf("without memory.peak: %d", bytes)
	}
	absent.Close()
	f, err := os.Open(os.DevNull) // which refuses to be written to, as the kernel's file does before 6.12
	if err != nil {
		t.Fatal(err)
	}
	refusing := &Peak{file: f}
	defer refusing.Close()
	refusing.Reset()
	if bytes, ok := refusing.Read(); ok {
		t.Errorf("with a memory.peak that cannot be written to: %d", bytes)
	}
}

func TestGroupsAreCountedOnEveryLevel(t *testing.T) {
	t.Parallel()
	tree := &Tree{dir: t.TempDir()}
	for _, name := range []string{"supervisor", "worker-1/a/b", "worker-2"} {
		if err := os.MkdirAll(filepath.Join(tree.dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(tree.dir, "cgroup.procs"), "")
	if got := tree.Count(); got != 5 {
		t.Errorf("Count() = %d, want 5", got)
	}
}
