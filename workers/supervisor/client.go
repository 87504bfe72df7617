package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
)

const (
	firstRedial = 100 * time.Millisecond // doubles with each try that fails
	lastRedial  = 5 * time.Second
	// steadyTime is how long a connection must have lasted for the next one to
	// be tried at once.
	steadyTime = 5 * time.Second
	// welcomeTime bounds the introduction: the supervisor may have to end what an
	// earlier one left.
	welcomeTime = 30 * time.Second
	// clearTime bounds the last connection, which is made only to have the workers
	// of a lost supervisor ended.
	clearTime = 10 * time.Second
	// takenTime is how long another daemon may be connected: the end of one that was
	// killed is seen a moment after the next one has come.
	takenTime = 2 * time.Second
)

var errNotConnected = errors.New("the supervisor is not connected")

// ErrTaken is another daemon that the supervisor serves.
var ErrTaken = errors.New("another daemon is connected to the supervisor")

// Dial connects to the supervisor's socket (SOCK_SEQPACKET, "unixpacket").
type Dial func(ctx context.Context) (*net.UnixConn, error)

// Launched is a worker process that exists. Its descriptors are nonblocking and
// the caller's to close.
type Launched struct {
	Worker                 int
	PID                    int
	Cgroup                 string // its directory; "" when it is held by its process group
	Limits                 string // a JSON object; "" where the supervisor cannot limit
	Socket, Stdout, Stderr *os.File
	Note                   *os.File    // for OpenNotebook and ReadNote
	Lane                   *Lane       // nil where it cannot be handed tasks ahead; the caller's to close
	Exited                 <-chan Exit // buffered; gets exactly one value
}

// Client is the daemon's side of the connection to the supervisor.
type Client struct {
	tree string
	dial Dial
	log  *slog.Logger

	mu        sync.Mutex // guards the fields below
	spec      Spec
	limits    string        // of spec
	conn      *conn         // nil while there is no connection
	up        chan struct{} // closed while there is one
	lastID    uint64
	pending   map[uint64]chan answer // launches that were asked for
	asked     map[uint64]*usageCall
	limiting  map[uint64]func(Limited)
	accounts  map[uint64]accountCall
	workers   map[int]held // the ones that live
	orphans   []orphan     // the ones that lived when a supervisor was lost
	inherited []*Launched  // before the welcome
	info      Info

	heirs    chan []*Launched // has room for one
	welcomes chan struct{}    // has room for one
	refusal  error            // see Spec.Require
}

// held is a worker whose end will be told.
type held struct {
	process
	exited chan Exit
}

type answer struct {
	launched *Launched
	err      error
}

// NewClient returns a client that has workers started as spec says, in the
// cgroup tree of that name.
func NewClient(spec Spec, tree string, dial Dial, log *slog.Logger) *Client {
	return &Client{
		spec: spec, limits: spec.Limits.String(), tree: tree, dial: dial, log: log,
		up: make(chan struct{}), pending: map[uint64]chan answer{}, asked: map[uint64]*usageCall{},
		limiting: map[uint64]func(Limited){}, accounts: map[uint64]accountCall{}, workers: map[int]held{},
		heirs: make(chan []*Launched, 1), welcomes: make(chan struct{}, 1),
	}
}

// Run keeps the connection: when it is lost, every worker's Exited says so, and
// Run dials again. It returns nil once ctx has ended, after closing it, an error at
// once if the spec cannot be used or the supervisor lacks what it requires, and
// ErrTaken if the supervisor goes on serving another daemon.
func (c *Client) Run(ctx context.Context) error {
	c.mu.Lock()
	err := c.spec.Check()
	c.mu.Unlock()
	if err != nil {
		return err
	}
	if err := c.keep(ctx); err != nil {
		return err
	}
	c.clear(ctx)
	return c.refused()
}

// Use has the workers that are launched from now on started as spec says; those that live
// are left as they are. It changes nothing if the spec cannot be used.
func (c *Client) Use(spec Spec) error {
	if err := spec.Check(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spec, c.limits = spec, spec.Limits.String()
	if c.conn != nil {
		c.conn.send(packet{Op: opSpec, Spec: &spec}) // if it is lost, the next welcome is answered with it
	}
	return nil
}

// keep keeps the connection until ctx ends, or it is clear that it is another daemon's.
func (c *Client) keep(ctx context.Context) error {
	var taken time.Time // since when another daemon is connected
	for attempt := 0; ; attempt++ {
		timer := time.NewTimer(redialDelay(attempt))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		began := time.Now()
		err := c.connect(ctx)
		if ctx.Err() != nil || c.refused() != nil {
			return nil
		}
		switch {
		case !errors.Is(err, ErrTaken):
			taken = time.Time{}
		case taken.IsZero():
			taken = began
		case began.Sub(taken) > takenTime:
			return err
		}
		c.report(err)
		if time.Since(began) > steadyTime {
			attempt = -1
		}
	}
}

// clear has the workers of a lost supervisor ended by the next one, when ctx has
// ended before there was one: their tasks were reported as dead.
func (c *Client) clear(ctx context.Context) {
	c.mu.Lock()
	orphans, up := len(c.orphans), c.up
	c.mu.Unlock()
	if orphans == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearTime)
	var wait sync.WaitGroup
	defer wait.Wait()
	defer cancel()
	wait.Go(func() {
		select {
		case <-up: // they are gone by the time of the welcome
			cancel()
		case <-ctx.Done():
		}
	})
	err := c.connect(ctx)
	c.mu.Lock()
	orphans = len(c.orphans)
	c.mu.Unlock()
	if orphans > 0 {
		c.log.Error("workers of a lost supervisor could not be ended", "workers", orphans, "err", err)
	}
}

// redialDelay spreads its answer by a quarter either way, so that daemons that
// lost their supervisors together do not dial together.
func redialDelay(attempt int) time.Duration {
	if attempt == 0 {
		return 0
	}
	delay := min(firstRedial<<min(attempt-1, 10), lastRedial)
	return delay*3/4 + rand.N(delay/2) // no secret
}

// report logs why the connection is gone, unless that was said before.
func (c *Client) report(err error) {
	c.mu.Lock()
	known := c.info.LastError == err.Error()
	c.info.LastError = err.Error()
	c.mu.Unlock()
	if !known {
		c.log.Warn("no connection to the supervisor", "err", err, "event", "supervisor-lost")
	}
}

// connect dials, introduces itself, and reads until the connection ends.
func (c *Client) connect(ctx context.Context) error {
	raw, err := c.dial(ctx)
	if err != nil {
		return fmt.Errorf("connect to the supervisor: %w", err)
	}
	link := newConn(raw)
	var writer sync.WaitGroup
	writer.Go(link.run)
	defer writer.Wait()
	defer link.close()
	defer context.AfterFunc(ctx, link.close)()
	defer func() { c.lose(ctx.Err() == nil) }()

	link.send(packet{Op: opHello, Hello: c.hello()}) // receive meets the same end
	raw.SetReadDeadline(time.Now().Add(welcomeTime)) // likewise
	for {
		p, files, err := link.receive()
		if err != nil {
			return fmt.Errorf("connection to the supervisor: %w", err)
		}
		if err := c.handle(link, p, files); err != nil {
			return err
		}
	}
}

func (c *Client) hello() *hello {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &hello{Version: wireVersion, MinVersion: minVersion, PID: os.Getpid(), Tree: c.tree, Orphans: c.orphans}
}

// handle takes one packet of the supervisor's.
func (c *Client) handle(link *conn, p packet, files []*os.File) error {
	switch p.Op {
	case opWelcome:
		return c.welcomed(link, p.Welcome)
	case opRefused:
		if p.Daemon != 0 {
			return fmt.Errorf("%w: process %d", ErrTaken, p.Daemon)
		}
		return fmt.Errorf("the supervisor has refused: %s", p.Error)
	case opLaunched:
		c.launched(link, p, files)
		return nil
	case opInherited:
		c.inherit(p, files)
		return nil
	case opExited:
		c.exited(p)
	case opForks:
		c.forkServer(p.ForkServer)
	case opLimited:
		c.limited(p)
	case opUsage:
		c.measured(p)
	case opAccount:
		c.accounted(p)
	}
	closeAll(files)
	return nil
}

// welcomed sends the spec; from here on workers can be launched.
func (c *Client) welcomed(link *conn, w *welcome) error {
	if w == nil || c.Info().Connected {
		return errors.New("the supervisor's welcome is empty, or its second one")
	}
	version, err := agree(w.Version, w.MinVersion)
	if err != nil {
		return fmt.Errorf("supervisor with process %d: %w", w.PID, err)
	}
	if err := link.raw.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("connection to the supervisor: %w", err)
	}
	c.mu.Lock()
	if err := c.requireLocked(w, version); err != nil {
		c.mu.Unlock()
		return err
	}
	spec := c.spec
	link.send(packet{Op: opSpec, Spec: &spec}) // receive meets the same end
	if c.info.PID != 0 && c.info.PID != w.PID {
		c.info.Restarts++
	}
	c.info.PID, c.info.Version, c.info.Isolation, c.info.Tree, c.info.LastError = w.PID, version, w.Isolation, w.Tree, ""
	c.info.Missing, c.info.Lesser, c.info.Unit = w.Missing, w.Lesser, w.Unit
	if version < limitsSince {
		c.info.Missing = []string{tooOld}
	}
	c.orphans = nil
	c.conn = link
	c.disinheritLocked()
	c.heirs <- c.inherited // which is empty: there is room
	c.inherited = nil
	close(c.up)
	c.mu.Unlock()
	poke(c.welcomes)
	if version < limitsSince {
		c.log.Warn("the supervisor cannot do all that this daemon could have done", "why", tooOld)
	}
	c.log.Info("connected to the supervisor", "pid", w.PID, "version", version, "isolation", w.Isolation, "tree", w.Tree)
	return nil
}

func (c *Client) forkServer(info *forkInfo) {
	if info == nil {
		return
	}
	text := string(info.State)
	if info.Error != "" {
		text += ": " + info.Error
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.info.ForkServer, c.info.ForkServerRestarts = text, info.Restarts
}

// lose tells everybody that the connection is gone. Workers that live are
// orphans if it was lost; if we have closed it, their supervisor looks after them.
func (c *Client) lose(orphaned bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		c.conn = nil
		c.up = make(chan struct{})
	}
	for id, ch := range c.pending {
		ch <- answer{err: errNotConnected} // buffered
		delete(c.pending, id)
	}
	for id, call := range c.asked {
		call.answer <- errNotConnected // buffered
		delete(c.asked, id)
	}
	clear(c.limiting) // the ends of their workers are told
	for id, call := range c.accounts {
		call <- accountAnswer{err: errNotConnected} // buffered
		delete(c.accounts, id)
	}
	for id, w := range c.workers {
		w.exited <- Exit{Lost: true} // buffered
		if orphaned {
			c.orphans = append(c.orphans, orphan{w.process, id})
		}
		delete(c.workers, id)
	}
	c.disinheritLocked()
	for _, l := range c.inherited {
		l.close()
	}
	c.inherited, c.info.ForkServer = nil, ""
}

// disinheritLocked closes what nobody has taken from Inherited.
func (c *Client) disinheritLocked() {
	select {
	case list := <-c.heirs:
		for _, l := range list {
			l.close()
		}
	default:
	}
}
