package differential

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"dispatcherd/tests/binaries"
	"dispatcherd/tests/stand"
)

// programs is where TestMain builds dispatcherd and dispatcherctl, with the race detector in them.
var programs string

func TestMain(m *testing.M) { os.Exit(binaries.Main(m, &programs)) }

// fixed are the seeds of make test, and length is how many steps their scripts have. Together they need
// every allowance.
var fixed = []uint64{8, 9, 18, 28, 38, 47, 56, 83, 145, 1011, 1023, 1025, 1031, 1034, 1046, 1053, 1340}

const length = 100

// The same script is given to the Python original and to ours. Whatever differs is a fault, or an allowance
// with a row in docs/compatibility.md.
func TestInteropBothServicesDoTheSame(t *testing.T) {
	stand.Venv(t)
	seeds, asked := stand.Seeds(t)
	if !asked {
		seeds = fixed
	}
	var mu sync.Mutex // guards needed
	needed := map[string]int{}
	t.Run("seed", func(t *testing.T) {
		for _, seed := range seeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				s := generate(seed, length)
				c := compare(t, s)
				if c.failed() && asked && !testing.Short() {
					s, c = shrink(t, s, c)
				}
				if c.failed() {
					if c.err == nil {
						s.Steps = s.Steps[:min(len(s.Steps), c.differences[0].at)]
					}
					t.Errorf("seed %d: the services differ (make differential SEEDS=%d looks for a shorter script)\n%s\n%s", seed, seed, s, c)
				}
				t.Logf("%d steps, %d of which found nothing to act upon; allowances needed: %v", len(s.Steps), c.skipped, c.allowed)
				mu.Lock()
				defer mu.Unlock()
				for name, n := range c.allowed {
					needed[name] += n
				}
			})
		}
	})
	if asked || t.Failed() {
		return
	}
	for name := range allowances {
		if needed[name] == 0 && !slices.Contains(chances, name) {
			t.Errorf("no script needs the allowance %q", name)
		}
	}
}
