package differential

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"dispatcherd/tests/stand"
)

// difference is one path at which two sights of a step differ.
type difference struct {
	at           int // of the sights; 0 is the start
	step         step
	path         string
	theirs, mine string // what the original shows, and what we show; absent if there is nothing
	they, we     sight  // all of it
}

const absent = "(nothing)"

func (d difference) String() string {
	return fmt.Sprintf("  %s\n    the original: %s\n    ours:         %s", d.path, d.theirs, d.mine)
}

// comparison is what came of giving a script to both.
type comparison struct {
	differences []difference   // that no allowance fits, all of one step
	allowed     map[string]int // how often each allowance was needed
	skipped     int            // steps that found nothing to act upon
	err         error
}

// compare gives a script to both services, at the same time, and compares what comes of each step, up to
// the first that differs.
func compare(t *testing.T, s script) (c comparison) {
	var theirs, mine []sight
	var theirErr, myErr error
	var both sync.WaitGroup
	both.Go(func() { theirs, theirErr = play(t, stand.Original, s) })
	both.Go(func() { mine, myErr = play(t, stand.Ours, s) })
	both.Wait()
	c.allowed = map[string]int{}
	steps := s.all()
	for i := range min(len(theirs), len(mine)) {
		if mine[i]["skipped"] != "" {
			c.skipped++
		}
		for _, d := range differences(i, steps[i], theirs[i], mine[i]) {
			if name := allowanceFor(d); name != "" {
				c.allowed[name]++
				continue
			}
			c.differences = append(c.differences, d)
		}
		if len(c.differences) > 0 {
			return c
		}
	}
	if theirErr != nil || myErr != nil {
		c.err = fmt.Errorf("the original: %w\nours: %w", orNone(theirErr), orNone(myErr))
	}
	return c
}

func orNone(err error) error {
	if err == nil {
		return fmt.Errorf("no error")
	}
	return err
}

// differences lists the paths at which two sights of a step differ.
func differences(at int, one step, they, we sight) (all []difference) {
	paths := map[string]bool{}
	for path := range they {
		paths[path] = true
	}
	for path := range we {
		paths[path] = true
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		theirs, mine := absent, absent
		if v, ok := they[path]; ok {
			theirs = v
		}
		if v, ok := we[path]; ok {
			mine = v
		}
		if theirs != mine {
			all = append(all, difference{at, one, path, theirs, mine, they, we})
		}
	}
	return all
}

// String tells a person what differs, "" if nothing does.
func (c comparison) String() string {
	if c.err != nil {
		return c.err.Error()
	}
	var b strings.Builder
	for i, d := range c.differences {
		if i == 0 {
			fmt.Fprintf(&b, "step %d, %.2000s\n", d.at, jsonText(d.step))
		}
		b.WriteString(d.String() + "\n")
	}
	return b.String()
}

// failed says whether the two differ.
func (c comparison) failed() bool { return c.err != nil || len(c.differences) > 0 }

// shrink looks for a shorter script on which the two still differ, and returns the shortest that it
// has found and what differs then. Each try starts both services.
func shrink(t *testing.T, s script, failure comparison) (script, comparison) {
	if failure.err == nil {
		s.Steps = s.Steps[:min(len(s.Steps), failure.differences[0].at)]
	}
	for size := max(1, len(s.Steps)/2); size > 0; size /= 2 {
		for from := 0; from < len(s.Steps); {
			shorter := script{s.Config, slices.Concat(s.Steps[:from], s.Steps[min(len(s.Steps), from+size):])}
			if c := compare(t, shorter); c.failed() {
				s, failure = shorter, c
				if c.err == nil {
					s.Steps = s.Steps[:min(len(s.Steps), c.differences[0].at)]
				}
				t.Logf("differs with %d steps", len(s.Steps))
				continue
			}
			from += size
		}
	}
	return s, failure
}
