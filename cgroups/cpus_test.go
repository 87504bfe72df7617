package cgroups

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestQuotaIsTheLeastOnTheWayUp(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name              string
		top, middle, leaf string // cpu.max of each; "" for none
		want              int
	}{
		{"no limit", "", "max 100000", "max 100000", math.MaxInt},
		{"no controller", "", "", "", math.MaxInt},
		{"own limit", "", "max 100000", "300000 100000", 3},
		{"rounded up", "", "", "150000 100000", 2},
		{"less than one", "", "", "1000 100000", 1},
		{"the limit of a group above", "", "200000 100000", "800000 100000", 2},
		{"the limit of the top", "100000 100000", "", "", 1},
		{"nonsense does not limit", "", "400000 100000", "what", 4},
		{"a period of 0 does not limit", "", "", "100 0", math.MaxInt},
	} {
		top := t.TempDir()
		leaf := filepath.Join(top, "middle", "leaf")
		if err := os.MkdirAll(leaf, 0o755); err != nil {
			t.Fatal(err)
		}
		for dir, text := range map[string]string{top: tt.top, filepath.Dir(leaf): tt.middle, leaf: tt.leaf} {
			if text == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, "cpu.max"), []byte(text+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := quota(leaf, top); got != tt.want {
			t.Errorf("%s: quota = %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestCPUsAreAtLeastOneAndNoMoreThanTheAffinity(t *testing.T) {
	t.Parallel()
	if got := CPUs(); got < 1 || got > runtime.NumCPU() {
		t.Errorf("CPUs = %d, want 1 to %d", got, runtime.NumCPU())
	}
}
