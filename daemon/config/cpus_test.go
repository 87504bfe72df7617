package config

import "testing"

func TestGOMAXPROCSIsNotAboutWorkers(t *testing.T) {
	t.Parallel()
	if got := cpus("", 3, 8); got != 3 {
		t.Errorf(`cpus("", 3, 8) = %d, want 3, as the cgroup allows`, got)
	}
	if got := cpus("77", 77, 8); got != 8 {
		t.Errorf(`cpus("77", 77, 8) = %d, want 8, the affinity`, got)
	}
}

func TestMaxWorkersDefaultsToTheCPUs(t *testing.T) {
	t.Parallel()
	if got, want := Default().Pool.MaxWorkers, CPUs(); got != want || want < 1 {
		t.Errorf("Default().Pool.MaxWorkers = %d, want the %d CPUs", got, want)
	}
}
