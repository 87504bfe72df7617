package supervisor

import (
	"slices"
	"time"
)

// Totals are those of all workers since the supervisor began, the ended ones included;
// Memory and PIDs are those of now.
type Totals struct {
	CPU       time.Duration `json:"cpu,omitempty"`
	Throttled time.Duration `json:"throttled,omitempty"`
	Memory    int64         `json:"memory,omitempty"` // bytes
	PIDs      int           `json:"pids,omitempty"`
	OOMKills  int           `json:"oom_kills,omitempty"`
	Cgroups   int           `json:"cgroups,omitempty"` // how many there are in the tree, itself not counted
}

func (t *Totals) add(u Usage) {
	t.CPU += u.CPU
	t.Throttled += u.Throttled
	t.Memory += u.Memory
	t.PIDs += u.PIDs
	t.OOMKills += u.OOMKills
}

// usagesAtOnce is how many go into one packet: they fit in.
const usagesAtOnce = 500

// measure answers what each worker takes. One is measured at a time: it may take some
// milliseconds for each, and a crowd of questions is not to slow everything else down.
func (s *Supervisor) measure(to *session, id uint64) {
	s.measuring.Lock()
	defer s.measuring.Unlock()
	all, totals := s.usages()
	for len(all) > usagesAtOnce {
		to.conn.send(packet{Op: opUsage, ID: id, Usage: all[:usagesAtOnce], More: true}) // requests meets the same end
		all = all[usagesAtOnce:]
	}
	to.conn.send(packet{Op: opUsage, ID: id, Usage: all, Totals: &totals}) // likewise
}

func (s *Supervisor) usages() ([]Usage, Totals) {
	members := sessions{}
	all := []Usage{}
	s.mu.Lock()
	totals := s.past
	s.mu.Unlock()
	for _, w := range s.living() {
		u, err := w.cage.usage(members)
		if err != nil {
			s.log.Warn("worker could not be measured", "worker", w.id, "pid", w.PID, "err", err)
			u.Memory, u.Source = 0, Unknown
		}
		u.Worker, u.PID = w.id, w.PID
		totals.add(u)
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b Usage) int { return a.Worker - b.Worker })
	totals.Cgroups = s.iso.count()
	return all, totals
}

// bygone adds what a worker that has ended took to the totals.
func (s *Supervisor) bygone(exit *Exit) {
	u := usageOf(exit.counted)
	if u.CPU == 0 {
		u.CPU = exit.UserTime + exit.SystemTime
	}
	u.Memory, u.PIDs = 0, 0
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past.add(u)
}
