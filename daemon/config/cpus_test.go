package config

import (
	"testing"

	"dispatcherd/cgroups"
)

func TestMaxWorkersDefaultsToTheCPUs(t *testing.T) {
	t.Parallel()
	if got, want := Default().Pool.MaxWorkers, cgroups.CPUs(); got != want {
		t.Errorf("Default().Pool.MaxWorkers = %d, want the %d CPUs", got, want)
	}
}
