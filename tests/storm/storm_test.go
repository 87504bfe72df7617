package storm

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"dispatcherd/tests/binaries"
)

// programs is where TestMain builds dispatcherd and dispatcherctl, with the race detector in them.
var programs string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := binaries.Build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	programs = dir
	return m.Run()
}

// venv is the virtual environment with the original.
func venv(t *testing.T) string {
	t.Helper()
	path := os.Getenv("DISPATCHERD_TEST_VENV")
	if path == "" {
		if os.Getenv("DISPATCHERD_TEST_REQUIRE") == "1" {
			t.Fatal("DISPATCHERD_TEST_VENV does not name the virtual environment with the original")
		}
		t.Skip("set DISPATCHERD_TEST_VENV to the virtual environment with the original (make test does)")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// In make test a storm of ours with either kind of supervisor, and one of the original. What make storm
// asks for is a storm of each with every seed.
func TestInteropStormLosesNothing(t *testing.T) {
	venv(t)
	seeds, seconds := seedsAskedFor(t), secondsAskedFor(t)
	short := len(seeds) == 0
	if short {
		seeds = []uint64{1, 2}
	}
	each := max(1, seconds/15)
	table := newTable(seeds, seconds)
	for i, seed := range seeds {
		p := newPlan(seed, seconds*perSecond, each)
		for _, who := range []side{ours, original} {
			if short && who == original && i > 0 {
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

// seedsAskedFor reads DISPATCHERD_STORM_SEEDS: numbers, and ranges of them such as 1-3.
func seedsAskedFor(t *testing.T) (seeds []uint64) {
	t.Helper()
	for _, word := range strings.Fields(os.Getenv("DISPATCHERD_STORM_SEEDS")) {
		first, last, isRange := strings.Cut(word, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 32)
		to, err2 := strconv.ParseUint(last, 10, 32)
		if err != nil || err2 != nil || to < from {
			t.Fatalf("SEEDS has %q, want a number or two, such as 1-3", word)
		}
		for seed := from; seed <= to; seed++ {
			seeds = append(seeds, seed)
		}
	}
	return seeds
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
