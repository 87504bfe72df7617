package storm

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"dispatcherd/tests/stand"
	"dispatcherd/tests/tables"
)

// table is what a set of storms has come to, ours beside the original's.
type table struct {
	machine string // before the first storm: the commit may be another one after the last
	seeds   []uint64
	seconds int
	rows    []string                         // in their order
	cells   map[string]map[stand.Side]int    // sums
	longest map[string]map[stand.Side]string // that are no sums
	told    map[string]map[string]int        // for each way to die, how ours has told it
	named   map[string]int                   // for each way to die, how many of them the original's log names
	sent    map[string]map[stand.Side]int
}

func newTable(seeds []uint64, seconds int) *table {
	return &table{
		machine: machine(), seeds: seeds, seconds: seconds, cells: map[string]map[stand.Side]int{}, longest: map[string]map[stand.Side]string{},
		told: map[string]map[string]int{}, named: map[string]int{}, sent: map[string]map[stand.Side]int{},
	}
}

// put adds to a cell.
func (t *table) put(row string, who stand.Side, n int) {
	if t.cells[row] == nil {
		t.cells[row] = map[stand.Side]int{}
		t.rows = append(t.rows, row)
	}
	t.cells[row][who] += n
}

// most keeps the longest of several times.
func (t *table) most(row string, who stand.Side, d time.Duration) {
	if t.cells[row] == nil || t.cells[row][who] < int(d.Milliseconds()) {
		t.put(row, who, int(d.Milliseconds())-t.cells[row][who])
	}
	if t.longest[row] == nil {
		t.longest[row] = map[stand.Side]string{}
	}
	t.longest[row][who] = fmt.Sprintf("%.1f s", float64(t.cells[row][who])/1000)
}

// add adds one storm.
func (t *table) add(who stand.Side, r *run, a *account) {
	t.put("tasks sent", who, len(a.ends))
	known := len(a.ends) - a.count(unheard) - a.count(unsure)
	t.put("**accepted**", who, known)
	t.put("run once", who, a.count(once))
	named, silent, mourned := 0, 0, 0
	for _, e := range a.ends {
		switch {
		case e.fate == lost && e.report.times > 0:
			mourned++
		case e.fate != cutShort && e.fate != unbegun:
		case e.report.times > 0:
			named++
		default:
			silent++
		}
	}
	t.put("ended by a kill of the storm, and named in the log", who, named)
	t.put("ended by a kill of the storm, or not at all, and not named", who, silent)
	t.put("**run twice**", who, a.count(twice))
	t.put("**lost**", who, a.count(lost))
	t.put("of these: named in the log", who, mourned)
	whys := r.reasons(a)
	for _, why := range reasons {
		t.put("of these: "+why, who, whys[why])
	}
	t.put("not accepted: notified while nobody listened", who, a.count(unheard))
	t.put("not accepted: no answer on the socket, or no commit, and not run", who, a.count(unsure))
	t.put("replies over Postgres, asked for while somebody listened", who, a.outside)
	t.put("of these: missing", who, max(0, a.outside-int(r.ear.heard.Load())))
	t.put("clients of the crowd that asked", who, r.asking)
	t.put("of these: not answered", who, r.asking-r.answered)
	for _, d := range doses {
		t.put(d.what, who, r.counts[d.what])
	}
	stood, ended := 0, 0
	for _, again := range r.restarts {
		if again.why == "it stood still" {
			stood++
		} else {
			ended++
		}
	}
	t.put(fmt.Sprintf("stood still for %d s, and was started again", patience/time.Second), who, stood)
	t.put("ended by itself, and was started again", who, ended)
	for _, g := range r.gaps {
		if g.why == cutBackends {
			t.most("longest time after a cut until LISTEN (ours), or until something was notified that has run (the original)", who, g.again.Sub(g.broken))
		}
	}
	t.most("longest time from the end of a flood to the end of its last task", who, r.drained)
	t.addDeaths(who, a)
}

// addDeaths counts how the tasks that died were told.
func (t *table) addDeaths(who stand.Side, a *account) {
	for _, e := range a.ends {
		if _, deadly := deaths[e.kind]; !deadly || e.fate == unheard || e.fate == unsure {
			continue
		}
		if t.told[e.kind] == nil {
			t.told[e.kind], t.sent[e.kind] = map[string]int{}, map[stand.Side]int{}
		}
		t.sent[e.kind][who]++
		switch {
		case who == original && e.report.times > 0:
			t.named[e.kind]++
		case who == original:
		case e.report.times > 0:
			t.told[e.kind][e.report.outcome]++
		default:
			t.told[e.kind]["succeeded"]++ // which is no line at this level
		}
	}
}

// The reasons for a loss, as far as they can be known from outside.
const (
	behindReply = "behind a request for a reply over Postgres, in one transaction"
	behindStill = "waiting in a service that stood still or ended"
	elsewhere   = "otherwise, as a task that is handed to a dead worker"
)

var reasons = []string{behindReply, behindStill, elsewhere}

// reasons counts the lost ones by why.
func (r *run) reasons(a *account) map[string]int {
	whys := map[string]int{}
	for _, e := range a.ends {
		switch {
		case e.fate != lost:
		case e.behind:
			whys[behindReply]++
		case slices.ContainsFunc(r.restarts, func(again restart) bool { return e.done.Before(again.at) && e.number > again.last }):
			whys[behindStill]++
		default:
			whys[elsewhere]++
		}
	}
	return whys
}

func (t *table) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s. Seeds %s, each a flood of %d s at %d messages a second to %d workers, ours and the original in turns.\n\n",
		t.machine, words(t.seeds), t.seconds, perSecond, workers)
	fmt.Fprintf(&text, "| | ours | the original |\n|---|---|---|\n")
	for _, row := range t.rows {
		fmt.Fprintf(&text, "| %s | %s | %s |\n", row, t.cell(row, ours), t.cell(row, original))
	}
	text.WriteString("\n| what a task did | ours told it as | named in the original's log |\n|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(deaths)) {
		var told []string
		for _, outcome := range slices.Sorted(maps.Keys(t.told[name])) {
			told = append(told, fmt.Sprintf("%d %s", t.told[name][outcome], outcome))
		}
		fmt.Fprintf(&text, "| %s | %s | %d of %d |\n", name, strings.Join(told, ", "), t.named[name], t.sent[name][original])
	}
	return text.String()
}

func (t *table) cell(row string, who stand.Side) string {
	n, ok := t.cells[row][who]
	if !ok || who == original && row == killSupervisor {
		return "–"
	}
	if text, ok := t.longest[row][who]; ok {
		return text
	}
	return grouped(n)
}

// grouped is a number with its thousands apart.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + " " + text[i:]
	}
	return text
}

func words(seeds []uint64) string {
	var all []string
	for _, s := range seeds {
		all = append(all, strconv.FormatUint(s, 10))
	}
	return strings.Join(all, ", ")
}

// write replaces the tables of a document.
func (t *table) write(path string) error { return tables.Write(path, "make storm", t.String()) }

// machine says what the storms were on.
func machine() string {
	var kernel string
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel = strings.TrimSpace(string(text))
	}
	library := filepath.Join(os.Getenv("DISPATCHERD_TEST_VENV"), "bin", "python")
	version, err := exec.Command(library, "-c", "import platform, importlib.metadata as m; print('Python', platform.python_version() + ', the original', m.version('dispatcherd'))").Output()
	if err != nil {
		version = []byte(err.Error())
	}
	commit, err := exec.Command("git", "describe", "--always").Output()
	if err != nil {
		commit = []byte("unknown")
	}
	return fmt.Sprintf("%d CPUs, Linux %s, %s, %s, ours at commit %s, with Go's race detector in it", runtime.NumCPU(), kernel, runtime.Version(),
		strings.TrimSpace(string(version)), strings.TrimSpace(string(commit)))
}
