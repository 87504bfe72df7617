package cgroups

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// everyFile is a group with all controllers, whose files are as the kernel makes them,
// less what is in them: a fake file keeps the rest of a longer text.
func everyFile(t testing.TB) *Group {
	t.Helper()
	dir := t.TempDir()
	for _, f := range limitFiles {
		if err := os.WriteFile(filepath.Join(dir, f.name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &Group{dir: dir}
}

func TestLimitsAreWrittenAsTheKernelWantsThem(t *testing.T) {
	t.Parallel()
	g := everyFile(t)
	to := limitsOf(t, `{"memory_high": "400M", "memory_max": "512M", "swap_max": "0", "cpu_quota": "150%", "cpu_weight": 50, "io_weight": 200, "tasks_max": 64}`)
	if absent, err := g.Limit(Limits{}, to); err != nil || len(absent) > 0 {
		t.Fatalf("Limit = %v, %v", absent, err)
	}
	for name, want := range map[string]string{
		"memory.high": "419430400", "memory.max": "536870912", "memory.swap.max": "0", "cpu.max": "150000 100000",
		"cpu.weight": "50", "io.weight": "200", "pids.max": "64",
	} {
		if got := content(t, filepath.Join(g.dir, name)); got != want {
			t.Errorf("%s got %q, want %q", name, got, want)
		}
	}
}

func TestLimitsThatGoAreTakenAway(t *testing.T) {
	t.Parallel()
	g := everyFile(t)
	from := limitsOf(t, `{"memory_high": "4M", "memory_max": "5M", "swap_max": "0", "cpu_quota": "150%", "cpu_weight": 50, "io_weight": 200, "tasks_max": 64}`)
	if _, err := g.Limit(from, Limits{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"memory.high": "max", "memory.max": "max", "memory.swap.max": "max", "cpu.max": "max 100000",
		"cpu.weight": "100", "io.weight": "100", "pids.max": "max",
	} {
		if got := content(t, filepath.Join(g.dir, name)); got != want {
			t.Errorf("%s got %q, want %q", name, got, want)
		}
	}
}

func TestNoIntermediateLimitHurts(t *testing.T) {
	t.Parallel()
	small, large := `{"memory_high": "1M", "memory_max": "2M", "swap_max": "0", "tasks_max": 1}`, `{"memory_high": "3M", "memory_max": "4M", "swap_max": "1M", "tasks_max": 2}`
	for _, tt := range []struct{ name, from, to, want string }{
		{"nothing changes", small, small, ""},
		{"only what changes", small, `{"memory_high": "1M", "memory_max": "2M", "swap_max": "0", "tasks_max": 7}`, "pids.max"},
		{"more", small, large, "memory.swap.max memory.max memory.high pids.max"},
		{"less", large, small, "pids.max memory.high memory.max memory.swap.max"},
		{"none any more", small, `{}`, "memory.swap.max memory.max memory.high pids.max"},
		{"the first ones", `{}`, small, "pids.max memory.high memory.max memory.swap.max"},
		{"more and less", `{"memory_max": "1M", "tasks_max": 9}`, `{"memory_max": "2M", "tasks_max": 8}`, "memory.max pids.max"},
		{"no limit and infinity", `{}`, `{"memory_max": "infinity", "cpu_weight": 100}`, ""},
	} {
		var names []string
		for _, f := range inOrder(limitsOf(t, tt.from), limitsOf(t, tt.to)) {
			names = append(names, f.name)
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("%s: writes %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestControllerThatIsNotThereIsNamedAndTheRestIsLimited(t *testing.T) {
	t.Parallel()
	g := fakeGroup(t, map[string]string{"pids.max": ""})
	absent, err := g.Limit(Limits{}, limitsOf(t, `{"memory_max": "1G", "swap_max": "0", "cpu_quota": "50%", "tasks_max": 7}`))
	slices.Sort(absent)
	if want := []string{"cpu_quota", "memory_max", "swap_max"}; err != nil || !slices.Equal(absent, want) {
		t.Errorf("Limit = %v, %v, want %v to be absent", absent, err, want)
	}
	if got := content(t, filepath.Join(g.dir, "pids.max")); got != "7" {
		t.Errorf("pids.max got %q, want 7", got)
	}
	if absent, err := g.Limit(limitsOf(t, `{"memory_max": "1G"}`), Limits{}); err != nil || len(absent) > 0 {
		t.Errorf("taking away what is not there = %v, %v, want nothing to be told", absent, err)
	}
}

func TestRefusedLimitIsNamedAndTheOthersAreAsBefore(t *testing.T) {
	t.Parallel()
	g := everyFile(t)
	refusing := filepath.Join(g.dir, "memory.max")
	if err := os.Remove(refusing); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(refusing, 0o700); err != nil { // nobody can write to a directory
		t.Fatal(err)
	}
	_, err := g.Limit(limitsOf(t, `{"tasks_max": 9}`), limitsOf(t, `{"tasks_max": 8, "memory_max": "1G"}`))
	want := `limit memory_max: open ` + refusing + ` to write "1073741824": is a directory`
	if err == nil || err.Error() != want {
		t.Errorf("Limit = %v, want %s", err, want)
	}
	if got := content(t, filepath.Join(g.dir, "pids.max")); got != "9" {
		t.Errorf("pids.max is left at %q, want 9 as before", got)
	}
}

func TestMemoryFloorIsWithoutWhatCanBeGivenBack(t *testing.T) {
	t.Parallel()
	g := fakeGroup(t, map[string]string{
		"memory.max": "max\n", "memory.current": "1000\n",
		"memory.stat": "anon 300\nfile 500\ninactive_file 300\nactive_file 100\nslab_reclaimable 50\nslab_unreclaimable 7\n",
	})
	if got, ok, err := g.MemoryFloor(); got != 550 || !ok || err != nil {
		t.Errorf("MemoryFloor = %d, %v, %v, want 550", got, ok, err)
	}
	if _, ok, err := fakeGroup(t, nil).MemoryFloor(); ok || err != nil {
		t.Errorf("MemoryFloor without a controller = %v, %v", ok, err)
	}
}
