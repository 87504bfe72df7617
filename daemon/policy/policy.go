package policy

import (
	"cmp"
	"regexp"
	"sync"
	"time"

	"dispatcherd/cgroups"
)

// cachedNames bounds how many names are known by heart: publishers may send any text.
const cachedNames = 1000

// Policy knows what the configuration says about each task.
type Policy struct {
	mu    sync.Mutex // guards the fields below
	cfg   Config
	unit  cgroups.Unit
	rules []*rule // of cfg.Tasks, and at the end the one for all other tasks
	cache map[string]*rule
}

// rule is what counts for the tasks of some names. Policy.mu guards it.
type rule struct {
	match   *regexp.Regexp // nil matches everything
	section Task
	limits  cgroups.Limits // those of every worker among them
	most    cgroups.Limits // the same, resolved: what a submission may ask for
	text    string         // of limits, "" for those of every worker
	matched uint64
}

// Terms are what a task may use.
type Terms struct {
	// Timeout is how long it may run; 0 is for ever.
	Timeout time.Duration
	// Limits is a JSON object; "" are those of every worker.
	Limits string
}

// New returns the policy of a configuration. Until Measure says otherwise, percentages are
// of what this process may use.
func New(cfg Config) *Policy {
	p := &Policy{unit: cgroups.Available()}
	p.Use(cfg)
	return p
}

// Use has another configuration count for the tasks that come from now on. What was counted
// stays with the sections that are as they were.
func (p *Policy) Use(cfg Config) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.rules
	p.cfg = cfg
	p.makeLocked()
	for i, r := range p.rules[:len(cfg.Tasks)] {
		if i < len(before)-1 && before[i].section.Match == r.section.Match {
			r.matched = before[i].matched
		}
	}
}

// Measure tells what all workers may use together.
func (p *Policy) Measure(u cgroups.Unit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unit = u
	for _, r := range p.rules {
		r.most = r.limits.Resolve(u)
	}
}

func (p *Policy) makeLocked() {
	p.rules, p.cache = nil, map[string]*rule{}
	for _, t := range append(p.cfg.Tasks[:len(p.cfg.Tasks):len(p.cfg.Tasks)], Task{}) {
		r := &rule{section: t, limits: p.cfg.Limits.With(t.Limits)}
		if t.Match != "" {
			r.match = pattern(t.Match)
		}
		if r.limits != p.cfg.Limits {
			r.text = r.limits.String()
		}
		r.most = r.limits.Resolve(p.unit)
		p.rules = append(p.rules, r)
	}
}

// ruleLocked finds what counts for a name.
func (p *Policy) ruleLocked(name string) *rule {
	if len(p.rules) == 1 {
		return p.rules[0]
	}
	if r := p.cache[name]; r != nil {
		return r
	}
	i := 0
	for p.rules[i].match != nil && !p.rules[i].match.MatchString(name) {
		i++
	}
	if len(p.cache) < cachedNames {
		p.cache[name] = p.rules[i]
	}
	return p.rules[i]
}

// Terms are those of a task with its own timeout, 0 for none, and its own limits as a JSON
// object, nil for none. A submission may ask for less than what the configuration says, and
// for anything where that says nothing; more is an error.
func (p *Policy) Terms(name string, timeout time.Duration, limits []byte) (Terms, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.ruleLocked(name)
	r.matched++
	terms := Terms{Timeout: timeout, Limits: r.text}
	if most := r.section.Timeout; most > 0 && (timeout == 0 || timeout > most) {
		terms.Timeout = most
	}
	if limits == nil {
		return terms, nil
	}
	asked, err := cgroups.ParseLimits(limits)
	if err != nil {
		return Terms{}, err
	}
	if err := asked.Resolve(p.unit).Exceeds(r.most); err != nil {
		return Terms{}, err
	}
	if all := r.limits.With(asked); all != p.cfg.Limits {
		terms.Limits = all.String()
	} else {
		terms.Limits = ""
	}
	return terms, nil
}

// Bound says which tasks share a bound with one of this name, and how many of them may run
// at once. section is "" where there is none.
func (p *Policy) Bound(name string) (section string, most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.ruleLocked(name)
	if r.section.MaxConcurrency == 0 {
		return "", 0
	}
	return r.section.Match, r.section.MaxConcurrency
}

// Section is a [[task]] of the configuration in figures.
type Section struct {
	Match   string
	Matched uint64 // how many tasks it was about
	Most    int    // that may run at once; 0 is any number
}

// Sections lists them in order: a pattern that matches nothing has matched no task.
func (p *Policy) Sections() []Section {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]Section, len(p.cfg.Tasks))
	for i, r := range p.rules[:len(list)] {
		list[i] = Section{Match: r.section.Match, Matched: r.matched, Most: r.section.MaxConcurrency}
	}
	return list
}

// Capacity is how many workers the unit has room for: one for each CPU, or fewer if each may
// take so much memory. It is at least 1; 0 where nothing is known.
func Capacity(u cgroups.Unit, l cgroups.Limits) int {
	n := u.CPUs
	if most, ok := l.Resolve(u).MemoryMax.Number(); ok && most > 0 && u.Memory > 0 {
		n = int(min(int64(cmp.Or(n, 1)), u.Memory/most))
		return max(n, 1)
	}
	return n
}
