package commands

import "context"

// pageOfMetrics is the command metrics: whether and how the page for Prometheus
// is served.
func pageOfMetrics(t *Table, _ context.Context, _ Call) (Answer, error) {
	status := t.service.Metrics()
	if status == nil {
		return Answer{Reply: map[string]any{"enabled": false}}, nil
	}
	return Answer{Reply: map[string]any{"enabled": true, "status": status}}, nil
}
