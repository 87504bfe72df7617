package dispatch

import "iter"

// fifo is a list of tasks, oldest first, from any place of which a task can
// be taken without a search. The zero value is empty.
type fifo struct {
	first, last *node
	n           int
}

// node is a task's place in one list. It lives inside the task, which costs
// no memory of its own.
type node struct {
	prev, next *node
	task       *task
}

// push adds x at the end.
func (f *fifo) push(x *node) {
	x.prev, x.next = f.last, nil
	if f.last == nil {
		f.first = x
	} else {
		f.last.next = x
	}
	f.last = x
	f.n++
}

// pushFront adds x at the head.
func (f *fifo) pushFront(x *node) {
	x.prev, x.next = nil, f.first
	if f.first == nil {
		f.last = x
	} else {
		f.first.prev = x
	}
	f.first = x
	f.n++
}

// insert adds x before next, at the end if that is nil.
func (f *fifo) insert(x, next *node) {
	switch next {
	case nil:
		f.push(x)
	case f.first:
		f.pushFront(x)
	default:
		x.prev, x.next = next.prev, next
		x.prev.next, next.prev = x, x
		f.n++
	}
}

// remove takes x, which must be in the list, out of it.
func (f *fifo) remove(x *node) {
	if x.prev == nil {
		f.first = x.next
	} else {
		x.prev.next = x.next
	}
	if x.next == nil {
		f.last = x.prev
	} else {
		x.next.prev = x.prev
	}
	x.prev, x.next = nil, nil
	f.n--
}

// all yields positions and tasks, oldest first. The list must not change meanwhile.
func (f *fifo) all() iter.Seq2[int, *task] {
	return func(yield func(int, *task) bool) {
		i := 0
		for x := f.first; x != nil; x = x.next {
			if !yield(i, x.task) {
				return
			}
			i++
		}
	}
}
