package supervisor

import (
	"context"
	"sync"

	"dispatcherd/cgroups"
)

// remains are cgroups that could not be removed in their time, since a process in them
// would not end: each end of a worker is an occasion to try again.
type remains struct {
	mu   sync.Mutex // guards list
	list []*cgroups.Group
}

func (r *remains) add(g *cgroups.Group) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, g)
}

// remove tries each once, without waiting.
func (r *remains) remove() {
	r.mu.Lock()
	defer r.mu.Unlock()
	once, cancel := context.WithCancel(context.Background()) // an ended one: nothing is waited for
	cancel()
	left := r.list[:0]
	for _, g := range r.list {
		if busy, err := g.Populated(); busy || err != nil || g.Remove(once) != nil {
			left = append(left, g)
		}
	}
	clear(r.list[len(left):])
	r.list = left
}
