package dispatch

// Concurrency says how many tasks may run at once.
type Concurrency interface {
	// Bound says which tasks share a bound with one of this name, and how many of them may
	// run at once; section is "" where there is no bound.
	Bound(name string) (section string, most int)
}

// line decides which queued task is next: the oldest one that may run. A task whose gate is
// full waits beside the others and holds nobody up; it keeps its turn. Everything but
// rebuild takes the same time however many tasks there are.
type line struct {
	bounds      Concurrency // nil for none
	free        fifo        // tasks without a gate
	gates       []*gate
	bySection   map[string]*gate
	first, last int64 // turns that were given out: first at the head, last at the end
}

// gate holds the tasks that share a bound.
type gate struct {
	most, running int
	waiting       fifo
}

// ready is how many of those that wait may run now.
func (g *gate) ready() int { return max(0, min(g.waiting.n, g.most-g.running)) }

// list is where the task waits.
func (l *line) list(t *task) *fifo {
	if t.gate == nil {
		return &l.free
	}
	return &t.gate.waiting
}

// join puts t at the end.
func (l *line) join(t *task) {
	l.assign(t)
	l.last++
	t.turn = l.last
	l.list(t).push(&t.wait)
}

// rejoin puts t, which has just joined, at the head.
func (l *line) rejoin(t *task) {
	l.leave(t)
	l.first--
	t.turn = l.first
	l.list(t).pushFront(&t.wait)
}

// restore puts t, which has left the line without having run, back where it was. Only what was
// put to the head since can be before it.
func (l *line) restore(t *task) {
	next := l.list(t).first
	for next != nil && next.task.turn < t.turn {
		next = next.next
	}
	l.list(t).insert(&t.wait, next)
}

// leave takes t out.
func (l *line) leave(t *task) { l.list(t).remove(&t.wait) }

// began counts t as running, which is not in the line any more.
func (l *line) began(t *task) {
	if !t.gated {
		l.assign(t) // it never waited here
	}
	if t.gate != nil {
		t.gate.running++
	}
}

// stopped is the opposite of began.
func (l *line) stopped(t *task) {
	if t.gate != nil {
		t.gate.running--
	}
}

// next is the oldest task that may run, nil if none may.
func (l *line) next() *task {
	var next *task
	if l.free.n > 0 {
		next = l.free.first.task
	}
	for _, g := range l.gates {
		if g.ready() > 0 && (next == nil || g.waiting.first.task.turn < next.turn) {
			next = g.waiting.first.task
		}
	}
	return next
}

// ready is how many tasks wait for nothing but a worker.
func (l *line) ready() int {
	n := l.free.n
	for _, g := range l.gates {
		n += g.ready()
	}
	return n
}

// assign finds the gate of t, once.
func (l *line) assign(t *task) {
	if t.gated {
		return
	}
	t.gated, t.gate = true, nil
	if l.bounds == nil {
		return
	}
	section, most := l.bounds.Bound(t.message.Task)
	if section == "" {
		return
	}
	g := l.bySection[section]
	if g == nil {
		g = &gate{most: most}
		l.bySection[section] = g
		l.gates = append(l.gates, g)
	}
	t.gate = g
}

// rebuild has other bounds count. queued and running are all the tasks in these states.
func (l *line) rebuild(b Concurrency, queued, running *fifo) {
	*l = line{bounds: b, bySection: map[string]*gate{}}
	for _, t := range running.all() {
		t.gated = false
		l.began(t)
	}
	for _, t := range queued.all() {
		if t.ahead {
			continue // it is about to begin
		}
		t.gated = false
		l.join(t)
	}
}
