package storm

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// act does one thing to the service, and says whether it has been done, which is counted.
func (r *run) act(a act) bool {
	r.t.Helper()
	began := time.Now()
	defer func() {
		if took := time.Since(began); took > time.Second {
			r.t.Logf("%s, after %d messages, took %v", a.What, len(r.letters), took)
		}
	}()
	switch a.What {
	case killWorker:
		return r.killWorker(a.Pick)
	case killSupervisor:
		r.killSupervisor()
	case killForkServer:
		r.killForkServer()
	case killMain:
		r.killMain()
	case cutBackends:
		return r.cut()
	case restartServer:
		r.restartPostgres()
	case crowd:
		r.counts[a.What]++
		r.beside.Go(r.crowd)
	}
	return true
}

// killWorker ends one of the processes that have begun a task lately, if there is one.
func (r *run) killWorker(pick int) bool {
	r.begun()
	var living []int
	for _, pid := range r.ledger.processes() {
		if livesIn(pid, r.dir) && !r.killed[pid] {
			living = append(living, pid)
		}
	}
	if len(living) == 0 {
		return false
	}
	pid := living[pick%len(living)]
	if !r.kill(pid) {
		return false
	}
	r.killed[pid] = true
	r.counts[killWorker]++
	return true
}

// killSupervisor ends ours; the original has none. One that is a service of its own is started again, as
// its service manager does.
func (r *run) killSupervisor() {
	r.t.Helper()
	if r.side == original {
		return
	}
	var pid int
	if !waitUntil(20*time.Millisecond, bound, func() (ok bool) {
		var err error
		pid, err = r.supervisorPID()
		return err == nil
	}) || !r.kill(pid) {
		r.t.Fatalf("there is no supervisor to kill:\n%s", r.tail())
	}
	r.counts[killSupervisor]++
	if r.supervisor != nil {
		<-r.supervisor.done
		r.beginSupervisor()
	}
}

func (r *run) killForkServer() {
	r.t.Helper()
	if !waitUntil(20*time.Millisecond, bound, func() bool {
		pid, err := r.forkServerPID()
		return err == nil && r.kill(pid)
	}) && r.side == ours {
		r.t.Fatalf("there is no fork server to kill:\n%s", r.tail())
	}
	r.counts[killForkServer]++
}

// killMain ends the main process while some tasks run and none wait, which would be lost, and starts it again.
func (r *run) killMain() {
	r.t.Helper()
	r.settle()
	if r.side == ours {
		r.rest()
	}
	b := batch{Request: -1, Kinds: slices.Repeat([]string{long}, workers-1)}
	first := len(r.letters)
	r.send(b)
	waitUntil(20*time.Millisecond, bound, func() bool {
		r.begun()
		return !slices.ContainsFunc(r.letters[first:], func(l *letter) bool { return r.ledger.of(l.uuid).began == 0 })
	})
	if r.side == ours {
		r.accepted += r.tasks("accepted")
	}
	if r.supervisor != nil { // the next daemon takes those that run
		r.accepted -= r.tasks("running")
	}
	r.line.close()
	r.gaps = append(r.gaps, r.gap(killMain))
	r.kill(r.main.pid())
	<-r.main.done
	r.counts[killMain]++
	r.service.begin()
	r.settle()
}

// listens waits until ours has had LISTEN confirmed since the last gap: else what it is just about
// to say would be taken for the end of the next one.
func (r *run) listens() {
	r.t.Helper()
	if r.side != ours || len(r.gaps) == 0 {
		return
	}
	broken := r.gaps[len(r.gaps)-1].broken
	listens := func() bool {
		times := listenings(r.log())
		return len(times) > 0 && times[len(times)-1].After(broken)
	}
	if !waitUntil(20*time.Millisecond, bound, listens) {
		r.t.Fatalf("ours has not listened to Postgres again within %s", bound)
	}
}

// cut ends the service's backends, if it has any at the moment.
func (r *run) cut() bool {
	r.t.Helper()
	r.listens()
	g := r.gap(cutBackends)
	n, err := r.post.cut()
	if err != nil {
		r.t.Fatal(err)
	}
	if n == 0 {
		return false
	}
	r.gaps = append(r.gaps, g)
	r.counts[cutBackends]++
	return true
}

func (r *run) restartPostgres() {
	r.t.Helper()
	r.listens()
	r.gaps = append(r.gaps, r.gap(restartServer))
	r.ear.close()
	r.cluster.Restart(r.t)
	if !r.post.connect() {
		r.t.Fatal("no connection to Postgres after its restart")
	}
	if err := r.ear.listen(&r.cluster.Database); err != nil {
		r.t.Fatal(err)
	}
	r.counts[restartServer]++
}

// cancel cancels a task once it has begun.
func (r *run) cancel(l *letter) {
	r.beside.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for over := false; r.ledger.of(l.uuid).began == 0; {
			if over {
				return
			}
			select {
			case <-tick.C: // the flood reads the ledger
			case <-r.over:
				over = true
			}
		}
		_, _ = r.ask("cancel", map[string]any{"uuid": l.uuid}) // how the task ends is what counts
	})
}

// crowd is a thousand clients, fifty at a time, who do not all behave.
func (r *run) crowd() {
	const clients, together = 1000, 50
	var all sync.WaitGroup
	turns := make(chan int)
	for range together {
		all.Go(func() {
			for n := range turns {
				r.client(n)
			}
		})
	}
	for n := range clients {
		turns <- n
	}
	close(turns)
	all.Wait()
}

func (r *run) client(n int) {
	if n%4 == 0 { // one that waits for its answer
		_, err := r.ask("alive", nil)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asking++
		if err == nil {
			r.answered++
		} else {
			r.failures = append(r.failures, fmt.Sprintf("client %d: %v", n, err))
		}
		return
	}
	conn, err := net.DialTimeout("unix", r.file("s.sock"), bound)
	if err != nil {
		return // the queue of the socket is full for the moment: this one has left before it was there
	}
	defer conn.Close()
	switch {
	case n%4 == 1: // and one that says half of something
		_, _ = conn.Write([]byte(`{"control": "alive", "rep`))
	case n%40 == 2: // and one that does not wait for a long answer
		_, _ = conn.Write([]byte(`{"control": "status", "reply_to": "me"}` + "\n"))
	case n%4 == 2: // nor for a short one
		_, _ = conn.Write([]byte(`{"control": "alive", "reply_to": "me"}` + "\n"))
	}
}
