package storm

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// fate is what became of a task that was sent.
type fate string

const (
	once     fate = "run once"
	twice    fate = "run twice"
	cutShort fate = "ended by a kill of the storm"
	unbegun  fate = "ended by a kill of the storm before its first line"
	lost     fate = "lost"
	unheard  fate = "notified while nobody listened"
	unsure   fate = "not known to be accepted, and not run"
)

// report is what a service has said about the end of a task.
type report struct {
	outcome, detail string
	times           int
}

// end is the fate of one letter, and what was said about it.
type end struct {
	*letter
	fate   fate
	trace  trace
	report report
	killed bool // the storm has killed the process in which it began
}

// byKill says whether it is told as what a kill of the storm makes of a task.
func (e end) byKill() bool {
	return e.report.outcome == "killed" && e.killed || e.report.outcome == "lost"
}

// account is what became of all of them.
type account struct {
	ends    []end
	reports map[string]report
	// outside is how many replies were asked for over Postgres while somebody listened.
	outside int
}

// account sorts all letters, by what the tasks have written down and what the service has logged.
func (r *run) account() *account {
	log := r.log()
	a := &account{}
	if r.side == ours {
		a.reports = ourReports(log)
		r.closeGaps(listenings(log), 100*time.Millisecond)
	} else {
		a.reports = originalReports(log, r.plan.Seed)
		r.closeGaps(r.firstHeard(), margin)
	}
	for _, l := range r.letters {
		e := end{letter: l, trace: r.ledger.of(l.uuid), report: a.reports[l.uuid]}
		e.killed = r.killed[e.trace.pid]
		told := r.side == ours && e.report.times > 0
		e.fate = judge(e, told, !l.socket && r.inGap(l.begun, l.done))
		a.ends = append(a.ends, e)
	}
	for _, at := range r.asked {
		if !r.inGap(at, at) {
			a.outside++
		}
	}
	return a
}

// judge is the fate of one: told says that its service has said how it ended, gap that it was sent
// while nobody listened.
func judge(e end, told, gap bool) fate {
	k := kindOf(e.kind)
	switch {
	case e.trace.began > 1:
		return twice
	case e.trace.began == 1 && k.ends && e.trace.ended == 0,
		e.trace.began == 1 && !k.ends && told && e.report.outcome != k.outcome && e.byKill():
		return cutShort
	case e.trace.began == 1:
		return once
	case told:
		return unbegun
	case !e.accepted:
		return unsure
	case gap:
		return unheard
	default:
		return lost
	}
}

func (r *run) inGap(begun, done time.Time) bool {
	return slices.ContainsFunc(r.gaps, func(g *gap) bool { return done.After(g.from) && begun.Before(g.to) })
}

// closeGaps ends each gap with the first of the times at which somebody listened again, and some more.
func (r *run) closeGaps(times []time.Time, more time.Duration) {
	for _, g := range r.gaps {
		g.to = time.Now() // never
		for _, at := range times {
			if at.After(g.broken) {
				g.again, g.to = at, at.Add(more)
				break
			}
		}
	}
}

var (
	logTime  = regexp.MustCompile(`\btime=(\S+)`)
	logUUID  = regexp.MustCompile(`\buuid=(\S+)`)
	logEnd   = regexp.MustCompile(`\boutcome=(\S+)`)
	logError = regexp.MustCompile(`\berr=("(?:[^"\\]|\\.)*"|\S*)`)
)

// listenings are the times at which our daemon had LISTEN confirmed.
func listenings(log string) (times []time.Time) {
	for line := range strings.Lines(log) {
		if !strings.Contains(line, `msg="listening to Postgres`) {
			continue
		}
		if at, err := time.Parse(time.RFC3339Nano, group(logTime, line)); err == nil {
			times = append(times, at)
		}
	}
	return times
}

// firstHeard are the times at which tasks were sent over Postgres that have run: whoever ran them
// listened.
func (r *run) firstHeard() (times []time.Time) {
	for _, l := range r.letters {
		if !l.socket && r.ledger.of(l.uuid).began > 0 {
			times = append(times, l.begun)
		}
	}
	return times
}

// ourReports are the lines about tasks that have ended otherwise than well.
func ourReports(log string) map[string]report {
	reports := map[string]report{}
	for line := range strings.Lines(log) {
		uuid := group(logUUID, line)
		alone := strings.Contains(line, `level=WARN msg="worker ended without its daemon"`)
		if uuid == "" || !alone && !strings.Contains(line, `msg="task ended"`) {
			continue
		}
		one := reports[uuid]
		one.times++
		one.outcome, one.detail = group(logEnd, line), group(logError, line)
		if alone && strings.Contains(line, `exit="killed by SIGKILL"`) { // a supervisor whose daemon is gone says it so
			one.outcome = "killed"
		}
		reports[uuid] = one
	}
	return reports
}

// originalReports are the tasks that the original's log names, whatever it says of them.
func originalReports(log string, seed uint64) map[string]report {
	reports := map[string]report{}
	for _, m := range regexp.MustCompile(fmt.Sprintf(`\b%d-\d+\b`, seed)).FindAllString(log, -1) {
		one := reports[m]
		one.times++
		reports[m] = one
	}
	return reports
}

// group is what the first group of an expression finds.
func group(e *regexp.Regexp, line string) string {
	if m := e.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}

// count is how many letters met a fate.
func (a *account) count(f fate) (n int) {
	for _, e := range a.ends {
		if e.fate == f {
			n++
		}
	}
	return n
}

func TestFateIsJudgedByWhatTasksHaveDone(t *testing.T) {
	t.Parallel()
	sent := &letter{kind: mark, accepted: true}
	deadly := &letter{kind: "os._exit", accepted: true}
	unknown := &letter{kind: mark}
	for _, tt := range []struct {
		name      string
		end       end
		told, gap bool
		want      fate
	}{
		{"did all", end{letter: sent, trace: trace{began: 1, ended: 1}}, false, false, once},
		{"sent in a gap, and heard", end{letter: sent, trace: trace{began: 1, ended: 1}}, false, true, once},
		{"died of itself", end{letter: deadly, trace: trace{began: 1}}, true, false, once},
		{"died of itself, and its process later", end{letter: deadly, trace: trace{began: 1}, report: report{outcome: "exited"}, killed: true}, true, false, once},
		{"died of a kill", end{letter: deadly, trace: trace{began: 1}, report: report{outcome: "killed"}, killed: true}, true, false, cutShort},
		{"died with the supervisor", end{letter: deadly, trace: trace{began: 1}, report: report{outcome: "lost"}}, true, false, cutShort},
		{"did not come to its end", end{letter: sent, trace: trace{began: 1}}, false, false, cutShort},
		{"began twice", end{letter: sent, trace: trace{began: 2, ended: 1}}, true, true, twice},
		{"killed before it began", end{letter: sent}, true, false, unbegun},
		{"never heard of", end{letter: sent}, false, false, lost},
		{"notified in a gap", end{letter: sent}, false, true, unheard},
		{"not answered", end{letter: unknown}, false, true, unsure},
	} {
		if got := judge(tt.end, tt.told, tt.gap); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestReportsAreReadFromTheLog(t *testing.T) {
	t.Parallel()
	got := ourReports(`time=2026-01-01T00:00:00Z level=WARN msg="task ended" worker=1 uuid=1-5 task=storm_tasks.leave outcome=exited err="exit code 3 \"x\" y"
time=2026-01-01T00:00:00Z level=WARN msg="worker ended" worker=1 uuid=1-6
time=2026-01-01T00:00:00Z level=WARN msg="task ended" worker=1 uuid=1-5 outcome=killed err=""
`)
	want := report{outcome: "killed", detail: `""`, times: 2}
	if len(got) != 1 || got["1-5"] != want {
		t.Errorf("reports are %+v, want 1-5 twice, at last as killed", got)
	}
	if named := originalReports("ERROR x (uuid=1-17) y\n11-3 1-17", 1); len(named) != 1 || named["1-17"].times != 2 {
		t.Errorf("the original's log names %v, want 1-17 twice", named)
	}
}

func TestGapEndsWhenSomebodyListensAgain(t *testing.T) {
	t.Parallel()
	times := listenings("time=2026-01-01T00:00:01Z msg=\"listening to Postgres\"\ntime=2026-01-01T00:00:09.5Z msg=\"listening to Postgres again; x\"\n")
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := &run{gaps: []*gap{{from: begin.Add(5 * time.Second), broken: begin.Add(7 * time.Second)}}}
	r.closeGaps(times, time.Second)
	for second, want := range map[int]bool{2: false, 6: true, 8: true, 10: true, 11: false} {
		at := begin.Add(time.Duration(second) * time.Second)
		if got := r.inGap(at, at); got != want {
			t.Errorf("second %d is in the gap: %v, want %v", second, got, want)
		}
	}
}
