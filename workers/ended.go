package workers

import (
	"slices"
	"time"
)

// maxEnded bounds the list of workers whose process has ended; the oldest go first.
const maxEnded = 100

// buryLocked keeps w, whose process has ended, in the list of workers for a while. It
// is nothing but a record: it takes no room in the pool and has no task.
func (p *Pool) buryLocked(w *worker, exit string, now time.Time) {
	if p.cfg.WorkerRemovalWait == 0 {
		return
	}
	if len(p.ended) == maxEnded {
		p.ended = slices.Delete(p.ended, 0, 1)
	}
	info := w.info()
	info.Ended, info.Exit = now, exit
	p.ended = append(p.ended, info)
}

// forgetLocked removes those from the list that have been in it long enough, and
// returns when the next one will have been; zero: there is none.
func (p *Pool) forgetLocked(now time.Time) (next time.Time) {
	over := func(i Info) time.Time { return i.Ended.Add(p.cfg.WorkerRemovalWait) }
	p.ended = slices.DeleteFunc(p.ended, func(i Info) bool { return !over(i).After(now) })
	if len(p.ended) == 0 {
		return time.Time{}
	}
	return over(p.ended[0])
}
