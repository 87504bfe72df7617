package metrics

import "strconv"

// statuses are the states of a worker as the original names them.
var statuses = []string{"error", "exited", "initialized", "ready", "retired", "spawned", "starting", "stopping"}

// original writes the series of the Python original. Workers have their ids as the
// label worker_index: ids are not used again, but only workers that are listed now,
// those too whose process has ended lately, are on the page.
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
			if w.Status() == status {
				is = 1
			}
			p.set(originalStatus, is, status, index)
		}
	}
}
