package metrics

import (
	"strconv"

	"dispatcherd/workers"
)

// statuses are the states of a worker as the original names them.
var statuses = []string{"error", "exited", "initialized", "ready", "retired", "spawned", "starting", "stopping"}

// statusOf is the original's word for a state of ours. There a worker that runs a
// task is ready; the other words are the same.
func statusOf(s workers.State) string {
	if s == workers.Busy {
		return string(workers.Ready)
	}
	return string(s)
}

// original writes the series of the Python original. Workers have their ids as the
// label worker_index: ids are not used again, but only workers that are there now
// are on the page.
func (p *page) original(from Sources) {
	p.set(originalReceived, float64(from.Received()))
	p.set(originalControls, float64(from.Controls()))
	all := from.Workers()
	p.set(originalWorkers, float64(len(all)))
	for _, w := range all {
		index := strconv.Itoa(w.ID)
		p.set(originalCreated, float64(w.Created.UnixMilli())/1e3, index)
		p.set(originalFinished, float64(w.Finished), index)
		for _, status := range statuses {
			is := 0.0
			if statusOf(w.State) == status {
				is = 1
			}
			p.set(originalStatus, is, status, index)
		}
	}
}
