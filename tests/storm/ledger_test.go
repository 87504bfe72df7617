package storm

import (
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// trace is what a task has written down of itself.
type trace struct {
	began, ended int
	pid          int // of the last one that began it
}

// ledger is the file in which tasks say what they do.
type ledger struct {
	path string

	mu     sync.Mutex // guards what follows
	offset int64
	rest   string // the beginning of a line
	lines  int
	traces map[string]*trace
	recent []int // processes of the last tasks that began
}

func newLedger(path string) *ledger { return &ledger{path: path, traces: map[string]*trace{}} }

// read takes in what is new, and returns how many lines there are.
func (l *ledger) read() (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, err := os.Open(l.path)
	if os.IsNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, l.offset, 1<<40))
	if err != nil {
		return 0, err
	}
	l.offset += int64(len(text))
	lines := strings.Split(l.rest+string(text), "\n")
	l.rest = lines[len(lines)-1]
	for _, line := range lines[:len(lines)-1] {
		l.takeLocked(strings.Fields(line))
	}
	return l.lines, nil
}

func (l *ledger) takeLocked(words []string) {
	l.lines++
	one := l.traces[words[1]]
	if one == nil {
		one = &trace{}
		l.traces[words[1]] = one
	}
	if words[0] == "ended" {
		one.ended++
		return
	}
	one.began++
	one.pid, _ = strconv.Atoi(words[2]) // the tasks write nothing else
	l.recent = append(l.recent, one.pid)
	l.recent = l.recent[max(0, len(l.recent)-200):]
}

// of is what is known of a task.
func (l *ledger) of(uuid string) trace {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one := l.traces[uuid]; one != nil {
		return *one
	}
	return trace{}
}

// begun is how many tasks have begun.
func (l *ledger) begun() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.traces)
}

// processes are those in which tasks have begun lately, oldest number first.
func (l *ledger) processes() []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	pids := slices.Clone(l.recent)
	slices.Sort(pids)
	return slices.Compact(pids)
}

func TestLedgerReadsWhatIsWhole(t *testing.T) {
	t.Parallel()
	l := newLedger(t.TempDir() + "/ran")
	if n, err := l.read(); n != 0 || err != nil {
		t.Errorf("without a file: %d lines, %v", n, err)
	}
	for _, text := range []string{"began a 7\nbegan b 8\nend", "ed a 7\nbegan a 9\n"} {
		f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		f.Close()
		if _, err := l.read(); err != nil {
			t.Fatal(err)
		}
	}
	a, b := l.of("a"), l.of("b")
	if (a != trace{began: 2, ended: 1, pid: 9}) || (b != trace{began: 1, pid: 8}) || l.of("c").began != 0 || l.begun() != 2 {
		t.Errorf("a is %+v, b is %+v", a, b)
	}
	if got := l.processes(); !slices.Equal(got, []int{7, 8, 9}) {
		t.Errorf("processes are %v, want 7, 8 and 9", got)
	}
}
