package commands

import "context"

// chunks shows how messages that came in parts fared, and those that are not complete.
func chunks(t *Table, _ context.Context, _ Call) (Answer, error) {
	stats, waiting := t.service.Chunks()
	partials := make(map[string]any, len(waiting))
	for _, p := range waiting {
		parts := make([]any, len(p.Chunks))
		for i, c := range p.Chunks {
			parts[i] = map[string]any{"chunk_id": c.Index, "length": c.Length}
		}
		partials[p.MessageID] = map[string]any{
			"seconds_since_start": p.Age.Seconds(), "expected_total": p.Total, "chunks": parts,
		}
	}
	return Answer{Reply: map[string]any{
		"status": map[string]any{
			"total_chunks_received": stats.Received,
			"successful_assemblies": stats.Successful,
			"errored_assemblies":    stats.Errored,
			"timed_out_assemblies":  stats.TimedOut,
			"active_messages":       stats.Active,
		},
		"partials": partials,
	}}, nil
}
