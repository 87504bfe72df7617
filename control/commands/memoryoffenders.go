package commands

import (
	"cmp"
	"context"
	"slices"
)

const (
	usualOffenders = 10
	idleWorkers    = "idle" // in the place of a task's name
)

// offender is what the workers take together that run one task.
type offender struct {
	task  string
	count int
	bytes int64
}

// memoryOffenders names the tasks whose workers take the most memory.
func memoryOffenders(t *Table, ctx context.Context, c Call) (Answer, error) {
	data, err := c.object()
	if err != nil {
		return Answer{}, err
	}
	if by, ok := data["group_by"]; ok && by != "type" {
		return Answer{}, badData(`: group_by must be "type", which groups workers by their task`)
	}
	limit, err := wholeNumber(data, "limit", usualOffenders, usualOffenders)
	if err == nil && limit < 0 {
		err = badData(": limit must be 0 or more")
	}
	if err != nil {
		return Answer{}, err
	}
	m, err := t.service.Memory(ctx)
	if err != nil {
		return Answer{}, err
	}
	all := t.offenders(m.Workers)
	shown := make([]any, 0, min(limit, len(all)))
	for _, o := range all[:min(limit, len(all))] {
		shown = append(shown, map[string]any{"type": o.task, "count": o.count, "size_bytes": o.bytes})
	}
	return Answer{Reply: map[string]any{"total_objects": len(m.Workers), "offenders": shown}}, nil
}

// offenders groups workers by the task that they run, the largest group first.
func (t *Table) offenders(measured []WorkerMemory) (all []offender) {
	tasks := map[int]string{}
	for _, w := range t.workers.Workers() {
		if w.Task != nil {
			tasks[w.ID] = w.Task.Name
		}
	}
	at := map[string]int{}
	for _, w := range measured {
		name, busy := tasks[w.Worker]
		if !busy {
			name = idleWorkers
		}
		i, ok := at[name]
		if !ok {
			i = len(all)
			at[name] = i
			all = append(all, offender{task: name})
		}
		all[i].count++
		all[i].bytes += w.Bytes
	}
	slices.SortFunc(all, func(a, b offender) int { return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.task, b.task)) })
	return all
}
