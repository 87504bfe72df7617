package differential

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// stage is where the tasks of a service tell what happens to them, and are told what to do:
// the socket that project/stage.py connects to.
type stage struct {
	listener net.Listener
	changed  chan struct{} // holds a value when something has happened

	mu     sync.Mutex // guards what follows
	events []event    // since the last take
	actors []*actor   // that have begun and not ended, in the order of their beginning
	tasks  map[int]int
	idle   bool // a worker has called on_idle
}

// event is one thing that was told.
type event struct {
	pid  int
	text string
}

// actor is a task that waits for an order.
type actor struct {
	pid       int
	conn      net.Conn
	waits     bool // for an order
	cancelled bool // and went on
}

func newStage(dir string) (*stage, error) {
	l, err := net.Listen("unix", filepath.Join(dir, "stage.sock"))
	if err != nil {
		return nil, err
	}
	s := &stage{listener: l, changed: make(chan struct{}, 1), tasks: map[int]int{}}
	go s.accept()
	return s, nil
}

func (s *stage) close() {
	s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.actors {
		a.conn.Close()
	}
}

func (s *stage) accept() {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go s.listen(conn)
		}
	}
}

// listen takes what one connection tells until it ends.
func (s *stage) listen(conn net.Conn) {
	defer conn.Close()
	var a *actor
	defer func() { s.leaves(a) }()
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		var told map[string]any
		if err := json.Unmarshal([]byte(line), &told); err != nil {
			told = map[string]any{"kind": "garbles", "line": line, "pid": 0.0}
		}
		kind, pid := told["kind"].(string), int(told["pid"].(float64))
		s.record(pid, kind, told) // before the actor is seen to wait: who sees that looks at what has happened
		switch kind {
		case "begins":
			a = s.enters(conn, pid)
		case "answers":
			s.answers(a)
		}
		s.tick()
		if kind != "begins" && kind != "answers" {
			fmt.Fprintln(conn, "{}") // an error means that it is gone, and so does the next read
		}
	}
}

// enters puts an actor on the stage.
func (s *stage) enters(conn net.Conn, pid int) *actor {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &actor{pid: pid, conn: conn, waits: true}
	s.actors = append(s.actors, a)
	return a
}

func (s *stage) answers(a *actor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.waits = true
}

func (s *stage) leaves(a *actor) {
	s.mu.Lock()
	s.actors = slices.DeleteFunc(s.actors, func(other *actor) bool { return other == a })
	s.mu.Unlock()
	s.tick()
}

// record keeps an event.
func (s *stage) record(pid int, kind string, told map[string]any) {
	s.mu.Lock()
	switch kind {
	case "on_idle": // how often is a matter of time
		s.idle = true
		s.mu.Unlock()
		return
	case "pre_task":
		s.tasks[pid]++
	case "post_task":
		s.tasks[pid]--
	case "is cancelled":
		for _, a := range s.actors {
			if a.pid == pid {
				a.cancelled, a.waits = true, false // it ends, or says that it goes on
			}
		}
	}
	delete(told, "pid")
	delete(told, "kind")
	text, _ := json.Marshal(told) // it was JSON
	s.events = append(s.events, event{pid, kind + " " + string(text)})
	s.mu.Unlock()
	s.tick()
}

func (s *stage) tick() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// take returns what has happened since the last time.
func (s *stage) take() []event {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.events
	s.events = nil
	return all
}

// on says who is on the stage, by pid, and for which workers a task has begun whose end they
// have not told.
func (s *stage) on() (actors map[int]actor, open map[int]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	actors, open = map[int]actor{}, map[int]int{}
	for _, a := range s.actors {
		actors[a.pid] = *a
	}
	for pid, n := range s.tasks {
		open[pid] = n
	}
	return actors, open
}

// wasIdle says whether a worker has called on_idle.
func (s *stage) wasIdle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.idle
}

// awaitCancel says that another cancel comes: the actor may have outlived an earlier one.
func (s *stage) awaitCancel(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.actors {
		if a.pid == pid {
			a.cancelled = false
		}
	}
}

// order tells the actor of a worker what to do.
func (s *stage) order(pid int, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.actors {
		if a.pid == pid && a.waits {
			a.waits = false
			_, err := fmt.Fprintln(a.conn, text)
			return err
		}
	}
	return fmt.Errorf("the worker %d has nobody on the stage: %w", pid, os.ErrNotExist)
}
