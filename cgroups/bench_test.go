package cgroups

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkLimit measures a change of all limits and back, on a directory in the place of a
// cgroup: what the kernel adds is not in it.
func BenchmarkLimit(b *testing.B) {
	g := everyFile(b)
	one := limitsOf(b, `{"memory_high": "400M", "memory_max": "512M", "swap_max": "0", "cpu_quota": "150%", "tasks_max": 64}`)
	two := limitsOf(b, `{"memory_high": "500M", "memory_max": "612M", "swap_max": "1M", "cpu_quota": "50%", "tasks_max": 32}`)
	for _, bm := range []struct {
		name string
		to   Limits
	}{{"unchanged", one}, {"changed", two}} {
		b.Run(bm.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := g.Limit(one, bm.to); err != nil {
					b.Fatal(err)
				}
				if _, err := g.Limit(bm.to, one); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLeaf measures making a leaf, limiting and removing it, in the cgroup tree of this
// machine. Where that hands no controllers down, the limits cost a failed open each.
func BenchmarkLeaf(b *testing.B) {
	home, err := locate("/proc", os.Getpid())
	if err != nil {
		b.Skipf("no cgroup v2: %v", err)
	}
	tree := &Tree{dir: filepath.Join(home, "cgroups-bench-"+itoa(os.Getpid()))}
	if err := makeDir(tree.dir); err != nil {
		b.Skipf("no cgroup v2 tree that can be written to: %v", err)
	}
	b.Cleanup(func() { _ = removeDir(tree.dir) })
	to := limitsOf(b, `{"memory_high": "400M", "memory_max": "512M", "swap_max": "0", "cpu_quota": "150%", "tasks_max": 64}`)
	for b.Loop() {
		g, err := tree.Create("worker-1")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := g.Limit(Limits{}, to); err != nil {
			b.Fatal(err)
		}
		if err := g.Remove(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
