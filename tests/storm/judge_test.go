package storm

import (
	"strings"
	"time"
)

// judge holds our service to what docs/reliability.md promises.
func (r *run) judge(a *account) {
	r.t.Helper()
	for _, e := range a.ends {
		if reason := r.fault(e); reason != "" {
			r.t.Errorf("task %s (%s, by socket %v, sent %s): %s; %s, %+v, %+v", e.uuid, e.kind, e.socket,
				e.done.UTC().Format(time.RFC3339Nano), reason, e.fate, e.trace, e.report)
		}
	}
	if kills := r.counts[killWorker] + workers*r.counts[killSupervisor]; a.count(cutShort)+a.count(unbegun) > kills {
		r.t.Errorf("%d tasks have ended by %d kills", a.count(cutShort)+a.count(unbegun), kills)
	}
	// What the daemons say that they took is what has run or is told: nothing was received and forgotten.
	if ran := r.ledger.begun() + a.count(unbegun); r.accepted != ran {
		r.t.Errorf("the daemon has accepted %d tasks, and %d have run or are told", r.accepted, ran)
	}
	if heard := int(r.ear.heard.Load()); heard < a.outside || heard > len(r.asked) {
		r.t.Errorf("%d replies came over Postgres, want the %d to %d that were asked for", heard, a.outside, len(r.asked))
	}
	if r.refused > 0 || len(r.failures) > 0 || r.asking == 0 {
		r.t.Errorf("%d batches were not answered, and of %d clients these: %v", r.refused, r.asking, r.failures)
	}
	for _, d := range doses {
		if r.counts[d.what] != d.times {
			r.t.Errorf("%s: done %d times, want %d", d.what, r.counts[d.what], d.times)
		}
	}
	for line := range strings.Lines(r.log()) {
		for _, bad := range []string{"DATA RACE", "panic: ", "this is a bug", "broke the protocol"} {
			if strings.Contains(line, bad) {
				r.t.Errorf("the log says: %s", line)
			}
		}
	}
}

// fault says what is wrong with the end of a task of ours; "" for nothing.
func (r *run) fault(e end) string {
	k, told := kindOf(e.kind), e.report
	switch {
	case told.times > 1:
		return "its end is told more than once"
	case e.fate == lost:
		return "it was accepted and never ran"
	case e.fate == twice:
		return "it began more than once"
	case e.fate == unbegun && told.outcome != "killed" && told.outcome != "lost":
		return "it never began, and no kill has ended it"
	case e.fate == cutShort && told.times == 0:
		return "its worker was killed, which is not told"
	case e.fate == cutShort && !e.byKill():
		return "its end is told, and not that it was killed"
	case e.fate == once && told.times == 0 && k.outcome != "succeeded":
		return "it ended as " + k.outcome + ", which is not told"
	case e.fate == once && told.times > 0 && told.outcome != k.outcome && !e.byKill():
		return "its end is told, and not as " + k.outcome
	}
	return ""
}
