package storm

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dispatcherd/tests/postgres"
	"dispatcherd/tests/stand"
)

const (
	perSecond = 1000
	// ahead is how many tasks may wait in a service before the storm waits for it.
	ahead = 10_000
	// patience is how long a service that has tasks may begin none, before its manager starts it again.
	patience = 10 * time.Second
	// margin lies before a gap: what was committed just before a connection broke may not have been read.
	margin = 2 * time.Second
)

// run is one storm over one service.
type run struct {
	t    *testing.T
	plan plan
	*service
	cluster *postgres.Cluster
	ledger  *ledger
	post    *post
	line    *line
	ear     *ear

	letters []*letter
	gaps    []*gap
	base    int // tasks that were sent and will not begin any more
	probes  int
	asked   []time.Time // when replies over Postgres were asked for
	refused int         // batches over the socket that were not answered
	counts  map[string]int
	killed  map[int]bool // workers
	// accepted is what the daemons before this one have said that they had accepted.
	accepted int
	restarts []restart
	took     time.Duration // the flood
	drained  time.Duration // from its end to that of the last task

	beside sync.WaitGroup // what goes on beside the flood
	over   chan struct{}  // closed when every task has begun that will

	mu       sync.Mutex // guards what follows
	asking   int        // clients of the crowd that asked something
	answered int        // and were answered
	failures []string
}

// gap is a time in which nobody listened to Postgres, as far as the storm knows: from a moment before
// the connection was broken.
type gap struct {
	from, broken, again, to time.Time
	why                     string
}

// restart is one of a service that stood still, or had ended.
type restart struct {
	at   time.Time
	last int // the last letter that had begun
	why  string
}

// storm lets the plan loose on a service, and returns when the last task has ended.
func storm(t *testing.T, who stand.Side, p plan) *run {
	t.Helper()
	cluster := postgres.Start(t)
	s := newService(t, who, p.Kept, &cluster.Database)
	r := &run{
		t: t, plan: p, service: s, cluster: cluster, ledger: newLedger(s.file("ran")), post: &post{db: &cluster.Database},
		line: &line{path: s.file("s.sock")}, ear: &ear{}, counts: map[string]int{}, killed: map[int]bool{}, over: make(chan struct{}),
	}
	if !r.post.connect() {
		t.Fatal("no connection to Postgres")
	}
	if err := r.ear.listen(&cluster.Database); err != nil {
		t.Fatal(err)
	}
	defer func() { r.ear.close() }()
	defer r.line.close()
	r.settle()
	r.flood()
	r.finish()
	return r
}

// flood sends the batches, a thousand messages a second, and does the acts between them.
func (r *run) flood() {
	r.t.Helper()
	began := time.Now()
	tick := time.NewTicker(time.Second / perSecond * perBatch)
	defer tick.Stop()
	var owed []act // killings for which there was nobody at the time
	for i, b := range r.plan.Batches {
		<-tick.C
		owed = slices.DeleteFunc(append(owed, b.Acts...), r.act)
		r.keepUp()
		r.send(b)
		if i%20 == 0 && len(r.letters)-r.base-r.begun() > ahead {
			r.settle()
		}
	}
	for end := time.Now().Add(bound); len(owed) > 0 && time.Now().Before(end); <-tick.C {
		r.keepUp()
		r.send(batch{Request: -1, Kinds: slices.Repeat([]string{mark}, perBatch)})
		owed = slices.DeleteFunc(owed, r.act)
	}
	r.took = time.Since(began)
}

// begun is how many tasks of letters have begun.
func (r *run) begun() int {
	if _, err := r.ledger.read(); err != nil {
		r.t.Fatal(err)
	}
	return r.ledger.begun()
}

// letter makes the message of a task.
func (r *run) letter(kind string, socket bool) *letter {
	n := len(r.letters)
	l := &letter{number: n, uuid: fmt.Sprintf("%d-%d", r.plan.Seed, n), kind: kind, socket: socket, begun: time.Now()}
	r.letters = append(r.letters, l)
	return l
}

// send sends a batch.
func (r *run) send(b batch) {
	var letters []*letter
	for i, kind := range b.Kinds {
		l := r.letter(kind, b.Socket)
		l.behind = b.Request >= 0 && i >= b.Request
		letters = append(letters, l)
		if kindOf(kind).cancel {
			r.cancel(l)
		}
	}
	accepted := r.deliver(b, letters)
	for _, l := range letters {
		l.done, l.accepted = time.Now(), accepted
	}
}

// deliver says whether a batch was accepted, as far as its sender can know.
func (r *run) deliver(b batch, letters []*letter) bool {
	var texts []string
	for i, l := range letters {
		if i == b.Request {
			texts = append(texts, fmt.Sprintf(`{"control": "alive", "reply_to": %q}`, replyChannel))
			r.asked = append(r.asked, time.Now())
		}
		texts = append(texts, l.text())
	}
	if !b.Socket {
		if err := r.post.send(texts...); err != nil {
			r.post.connect()
			return false
		}
		return true
	}
	request := `{"control": "alive", "reply_to": "me"}`
	if b.Run {
		last := len(texts) - 1
		request = fmt.Sprintf(`{"control": "run", "reply_to": "me", "control_data": %s}`, texts[last])
		texts = texts[:last]
	}
	if err := r.line.send(texts, request); err != nil {
		r.refused++
		r.t.Logf("%s: the socket does not answer: %v", r.side, err)
		return false
	}
	return true
}

// settle waits until a task that is sent now has begun: every one before it has, too, or never will.
func (r *run) settle() {
	r.t.Helper()
	var probes []string
	lines, progress := 0, time.Now()
	settled := waitUntil(250*time.Millisecond, 10*time.Minute, func() bool {
		r.keepUp()
		now, err := r.ledger.read()
		if err != nil {
			r.t.Fatal(err)
		}
		for _, uuid := range probes {
			if r.ledger.of(uuid).began > 0 {
				return true
			}
		}
		if now > lines {
			lines, progress = now, time.Now()
		}
		if time.Since(progress) > patience {
			r.again("it stood still")
			lines, progress = 0, time.Now()
		}
		probes = append(probes, r.probe())
		return false
	})
	if !settled {
		r.t.Fatalf("%s never came to the end of its queue:\n%s", r.side, r.tail())
	}
	r.base = len(r.letters) - r.begun()
}

// probe sends a task that is no letter.
func (r *run) probe() string {
	r.probes++
	uuid := fmt.Sprintf("probe-%d", r.probes)
	if err := r.post.send(fmt.Sprintf(`{"task": "storm_tasks.mark", "uuid": %q, "args": [%q]}`, uuid, uuid)); err != nil {
		r.post.connect()
	}
	return uuid
}

// keepUp starts a service again that has ended by itself, as a service manager does.
func (r *run) keepUp() {
	if r.main.ended() {
		r.again("it had ended by itself")
	}
}

// again starts a service again because nothing else helps.
func (r *run) again(why string) {
	r.t.Helper()
	r.begun()
	last := -1
	for _, l := range r.letters {
		if r.ledger.of(l.uuid).began > 0 {
			last = l.number
		}
	}
	r.restarts = append(r.restarts, restart{time.Now(), last, why})
	saying, err := r.ask("workers", nil)
	r.t.Logf("%s is started again: %s; its workers: %v, %v", r.side, why, saying, err)
	if r.side == ours || len(r.restarts) > 50 {
		r.t.Fatalf("%s: %s; its log:\n%s", r.side, why, r.tail())
	}
	r.gaps = append(r.gaps, r.gap("the service was started again"))
	r.line.close()
	r.stop(r.main)
	r.service.begin()
}

// gap begins one now.
func (r *run) gap(why string) *gap {
	now := time.Now()
	return &gap{from: now.Add(-margin), broken: now, why: why}
}

// finish waits until all has ended, and stops the service.
func (r *run) finish() {
	r.t.Helper()
	began := time.Now()
	r.settle()
	close(r.over)
	r.beside.Wait()
	if r.side == ours {
		r.rest()
		r.accepted += r.tasks("accepted")
	} else {
		r.silence()
	}
	r.drained = time.Since(began)
	if code := r.stop(r.main); code != 0 && r.side == ours {
		r.t.Errorf("the daemon ended with code %d:\n%s", code, r.tail())
	}
	if s := r.supervisor; s != nil {
		if code := r.stop(s); code != 0 {
			r.t.Errorf("the supervisor ended with code %d:\n%s", code, r.tail())
		}
	}
	if r.side == ours && !waitUntil(20*time.Millisecond, bound, func() bool { return len(r.left()) == 0 }) {
		r.t.Errorf("processes are left behind: %v", r.left())
	}
	r.begun()
	r.keepLog()
}

// keepLog copies the log of the service into the directory that DISPATCHERD_STORM_LOGS names, if it does.
func (r *run) keepLog() {
	dir := os.Getenv("DISPATCHERD_STORM_LOGS")
	if dir == "" {
		return
	}
	name := fmt.Sprintf("%s-%d.log", strings.ReplaceAll(string(r.side), " ", "-"), r.plan.Seed)
	if err := os.WriteFile(filepath.Join(dir, name), []byte(r.log()), 0o600); err != nil {
		r.t.Error(err)
	}
}

// rest waits until our daemon has nothing to do.
func (r *run) rest() {
	r.t.Helper()
	if !waitUntil(50*time.Millisecond, bound, func() bool { return r.tasks("running")+r.tasks("queued") == 0 }) {
		r.t.Fatalf("tasks are left that do not end:\n%s", r.tail())
	}
}

// silence waits until no task of the original has said anything for a while: it cannot be asked, since
// it does not know which of its workers run something.
func (r *run) silence() {
	lines, since := -1, time.Now()
	waitUntil(100*time.Millisecond, bound, func() bool {
		r.begun()
		if now, _ := r.ledger.read(); now != lines {
			lines, since = now, time.Now()
		}
		return time.Since(since) > 5*time.Second
	})
}

// tasks is a figure of our daemon's.
func (r *run) tasks(name string) int {
	r.t.Helper()
	reply, err := r.ask("tasks", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return number(reply[name])
}
