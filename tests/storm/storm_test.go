package storm

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"dispatcherd/tests/binaries"
	"dispatcherd/tests/stand"
)

// programs is where TestMain builds dispatcherd and dispatcherctl, with the race detector in them.
var programs string

func TestMain(m *testing.M) { os.Exit(binaries.Main(m, &programs)) }

// In make test a storm of ours with either kind of supervisor, and one of the original. What make storm
// asks for is a storm of each with every seed.
func TestInteropStormLosesNothing(t *testing.T) {
	stand.Venv(t)
	seeds, asked := stand.Seeds(t)
	seconds := secondsAskedFor(t)
	if !asked {
		seeds = []uint64{1, 2}
	}
	each := max(1, seconds/15)
	table := newTable(seeds, seconds)
	for i, seed := range seeds {
		p := newPlan(seed, seconds*perSecond, each)
		for _, who := range []stand.Side{ours, original} {
			if !asked && who == original && i > 0 {
				continue
			}
			t.Run(fmt.Sprintf("%s, seed %d", who, seed), func(t *testing.T) {
				r := storm(t, who, p)
				a := r.account()
				table.add(who, r, a)
				t.Logf("%d messages in %v, the last task ended %v later", len(r.letters), r.took, r.drained)
				if who == ours {
					r.judge(a)
				}
			})
		}
	}
	t.Logf("\n%s", table)
	if path := os.Getenv("DISPATCHERD_STORM_WRITE"); path != "" && !t.Failed() {
		if err := table.write(filepath.Join("..", "..", path)); err != nil {
			t.Error(err)
		}
	}
}

// secondsAskedFor is how long the flood of a storm is.
func secondsAskedFor(t *testing.T) int {
	t.Helper()
	text := os.Getenv("DISPATCHERD_STORM_SECONDS")
	if text == "" {
		return 5
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 2 || n > 3600 {
		t.Fatalf("SECONDS is %q, want 2 to 3600", text)
	}
	return n
}
