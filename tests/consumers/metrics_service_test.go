package consumers

import "testing"

var metricsService = product{
	name: "metrics-service", settings: "apps.settings", roles: []string{"metrics-service"},
	command: []string{"run_dispatcherd.py", "--workers", "4", "--max-tasks", "100"}, file: "dispatcherd.yaml", unkept: "logging",
}

func TestInteropMetricsService(t *testing.T) {
	t.Parallel()
	everyWay(t, metricsService, nil)
}
