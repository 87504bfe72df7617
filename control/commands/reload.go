package commands

import "context"

// Reloaded is what a reload has changed, by the keys of the file.
type Reloaded struct {
	Changed         []string // what counts from now on
	NeedsRestart    []string // what counts only when the service is started again
	WorkersReplaced bool     // the workers of before are replaced as they become idle
}

// reload has the daemon read its configuration again.
func reload(t *Table, ctx context.Context, _ Call) (Answer, error) {
	r, err := t.service.Reload(ctx)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Reply: map[string]any{
		"changed":          append([]string{}, r.Changed...), // a list also when there is none
		"needs_restart":    append([]string{}, r.NeedsRestart...),
		"workers_replaced": r.WorkersReplaced,
	}}, nil
}
