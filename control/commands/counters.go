package commands

import (
	"context"
	"os"
)

// counters is the command main: what came in and what became of it.
func counters(t *Table, _ context.Context, _ Call) (Answer, error) {
	received, control := t.service.Main()
	pool := t.workers.Stats()
	return Answer{Reply: map[string]any{
		"received_count": received,
		"control_count":  control,
		"pid":            os.Getpid(),
		"pool": map[string]any{
			"next_worker_id":   pool.NextID,
			"finished_count":   pool.Finished(),
			"canceled_count":   pool.Cancelled + pool.TimedOut + pool.Died,
			"retirement_count": pool.Retired,
		},
	}}, nil
}
