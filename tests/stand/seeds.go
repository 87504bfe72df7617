package stand

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// Seeds reads DISPATCHERD_TEST_SEEDS: numbers, and ranges of them such as 100-199.
func Seeds(t testing.TB) (seeds []uint64, asked bool) {
	t.Helper()
	for _, word := range strings.Fields(os.Getenv("DISPATCHERD_TEST_SEEDS")) {
		first, last, isRange := strings.Cut(word, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 32)
		to, err2 := strconv.ParseUint(last, 10, 32)
		if err != nil || err2 != nil || to < from {
			t.Fatalf("SEEDS has %q, want a number or two, such as 100-199", word)
		}
		for seed := from; seed <= to; seed++ {
			seeds = append(seeds, seed)
		}
	}
	return seeds, len(seeds) > 0
}
