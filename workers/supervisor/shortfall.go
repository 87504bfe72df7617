package supervisor

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"dispatcherd/cgroups"
)

// shortfall is what the isolation lacks, and what it knows of idle workers.
type shortfall struct {
	missing []string // sentences: what cannot be limited or counted
	lesser  []string // sentences: what is done in a lesser way, see cgroups.Tree.Lesser
	unit    cgroups.Unit

	mu         sync.Mutex // guards the fields below
	told       []string
	generation int
	floor      int64 // the least that a fresh worker of that generation took; 0: none was measured
}

func (f *shortfall) firstTime(key string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Contains(f.told, key) {
		return false
	}
	f.told = append(f.told, key)
	return true
}

func (f *shortfall) learnFloor(generation int, floor int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if generation != f.generation || f.floor == 0 || floor < f.floor {
		f.generation, f.floor = generation, floor
	}
}

// floorOf is what a fresh worker takes; 0 where that is not known.
func (f *shortfall) floorOf(generation int) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if generation != f.generation {
		return 0
	}
	return f.floor
}

// tooOld is what is missing behind a supervisor of the first version of the protocol.
const tooOld = "the supervisor is of an earlier version, which has neither limits nor accounts, until it is restarted"

// assess notes, and says once, what cannot be had; without a tree, err is why.
func (i *isolation) assess(err error, log *slog.Logger) {
	i.unit = cgroups.Available()
	if i.tree == nil {
		i.missing = []string{fmt.Sprintf("workers have no cgroups: %v", err)}
		return // it was said
	}
	i.missing, i.lesser = i.tree.Missing(), i.tree.Lesser()
	if all := slices.Concat(i.missing, i.lesser); len(all) > 0 {
		log.Info("not everything can be limited and counted", "missing", strings.Join(all, "; "))
	}
}

// tellAbsent says once of each limit that it cannot be had here.
func (s *Supervisor) tellAbsent(keys []string) {
	for _, key := range keys {
		if s.iso.firstTime(key) {
			s.log.Warn("a limit has no effect here, or a lesser one", "limit", key, "instead", instead(key), "event", "limit-absent")
		}
	}
}

func instead(key string) string {
	if key == "memory_max" {
		return "each process may have as much memory of its own (RLIMIT_DATA)"
	}
	return "nothing"
}

// Welcomed has a value after each welcome of a supervisor's: Info has what it said.
func (c *Client) Welcomed() <-chan struct{} { return c.welcomes }

// requireLocked refuses a supervisor that lacks what the spec requires.
func (c *Client) requireLocked(w *welcome, version int) error {
	missing := w.Missing
	if version < limitsSince {
		missing = []string{tooOld}
	}
	if !c.spec.Require || len(missing) == 0 {
		return nil
	}
	c.refusal = fmt.Errorf("cgroups.require: %w", errors.New(strings.Join(missing, "; ")))
	return c.refusal
}

// refused is why the client gives up; nil while it does not.
func (c *Client) refused() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refusal
}
