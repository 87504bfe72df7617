package differential

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"dispatcherd/tests/stand"
)

// cancelSignal is how the original interrupts a task.
const cancelSignal = syscall.SIGUSR1

// mark begins the name of the command that does not exist, by which the player knows that a service
// has dealt with all that it was sent before.
const mark = "barrier-"

// player gives a script to one service.
type player struct {
	*service
	config   configuration
	poll     *stand.Client            // the player's own questions
	clients  map[string]*stand.Client // that the script speaks over
	notifier *stand.Notifier

	marks    int
	polls    int            // requests of the player's own that have been counted
	produced map[string]int // the same, by producer
	killed   map[int]bool   // pids
	helped   map[string]bool
	alias    map[int]string // of workers, by number: the same on both sides
	aliases  int
	stubborn map[string]bool // tasks that have been told to withstand a cancel, as JSON
	earlier  map[int]int     // tasks of each worker, by number, when it was last a matter of chance whose they were
	bases    []int           // what was received when each step began
	last     state           // when the last step had ended
	pages    map[string]any  // what the page of metrics has counted by then
}

func newPlayer(v *service, c configuration) *player {
	return &player{
		service: v, config: c, clients: map[string]*stand.Client{}, produced: map[string]int{},
		killed: map[int]bool{}, helped: map[string]bool{}, stubborn: map[string]bool{}, alias: map[int]string{}, earlier: map[int]int{},
	}
}

// play gives a script to one service and returns what came of each step, the start being the first
// and the stop the last. After an error there is nothing more.
func play(t *testing.T, s stand.Side, script script) (sights []sight, err error) {
	v, err := start(t, s, script.Config)
	if v != nil {
		defer v.end()
	}
	if err != nil {
		return nil, err
	}
	p := newPlayer(v, script.Config)
	defer p.hangUp()
	for i, one := range script.all() {
		seen, err := p.perform(one)
		if err != nil {
			return sights, fmt.Errorf("step %d, %s: %s: %w\n%s", i, jsonText(one), s, err, v.lastLog())
		}
		sights = append(sights, seen)
	}
	return sights, nil
}

// perform does one step and returns what is seen of it.
func (p *player) perform(one step) (sight, error) {
	p.bases = append(p.bases, int(number(p.last.main["received_count"]))+1) // producers was asked for after it
	seen := sight{}
	do := special(one.Kind)
	if do == nil {
		do = (*player).converse
	}
	if err := do(p, one, seen); err != nil || seen.final() {
		return seen, err
	}
	now, err := p.settle()
	if err != nil {
		return seen, err
	}
	p.see(one, seen, p.last, now)
	p.last = now
	return seen, nil
}

// special are the steps that are more than something that is sent.
func special(kind string) func(*player, step, sight) error {
	return map[string]func(*player, step, sight) error{
		"start":    (*player).begin,
		"order":    (*player).direct,
		"cancel":   (*player).cancel,
		"row":      (*player).cancelRow,
		"rejudge":  (*player).rejudge,
		"kill":     (*player).kill,
		"poison":   (*player).poison,
		"cut":      (*player).cut,
		"line":     (*player).line,
		"ctl":      (*player).ctl,
		"unheard":  (*player).unheard,
		"page":     (*player).askForPage,
		"twin":     (*player).loseTwin,
		"both":     (*player).sendOverBoth,
		"fatal":    (*player).endanger,
		"age":      (*player).age,
		"check":    (*player).check,
		"retire":   (*player).retire,
		"schedule": (*player).schedule,
		"stop":     (*player).finish,
	}[kind]
}

// begin connects to the service once it is there.
func (p *player) begin(_ step, seen sight) (err error) {
	if p.config.restless() {
		seen["all"] = "what is there is a matter of the moment"
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; {
		if p.poll, err = stand.Dial(p.Path("d.sock")); err == nil {
			break
		}
		select {
		case <-tick.C:
		case <-p.Done:
			return errors.New("it has ended")
		}
		if time.Since(began) > stand.Bound {
			return err
		}
	}
	if p.notifier, err = stand.NewNotifier(p.Database.ConnInfo() + " application_name=stage"); err != nil {
		return err
	}
	return p.knock()
}

// knock waits until the service hears what comes over Postgres.
func (p *player) knock() error {
	for began := time.Now(); time.Since(began) < stand.Bound; {
		m := p.mark()
		if err := p.notifier.Send("low", strings.TrimSuffix(stand.Asking(m), "\n")); err != nil {
			return err
		}
		late, err := p.notifier.Before(m, time.Second)
		for _, reply := range late {
			if strings.Contains(reply, mark) { // to an earlier one, which was heard
				p.counted("pg_notify-producer", 1)
			}
		}
		if err == nil {
			p.counted("pg_notify-producer", 1)
			return nil
		}
	}
	return fmt.Errorf("%s does not listen", p.Side)
}

func (p *player) mark() string {
	p.marks++
	return fmt.Sprintf("%s%d.", mark, p.marks)
}

// hangUp ends all connections.
func (p *player) hangUp() {
	for _, c := range p.clients {
		c.Conn.Close()
	}
	if p.poll != nil {
		p.poll.Conn.Close()
	}
	if p.notifier != nil {
		p.notifier.Close()
	}
	p.clients, p.poll, p.notifier = map[string]*stand.Client{}, nil, nil
}

// client is the connection of a name, which is opened when it is first used.
func (p *player) client(name string) (*stand.Client, error) {
	if c, ok := p.clients[name]; ok {
		return c, nil
	}
	c, err := stand.Dial(p.Path("d.sock"))
	if err == nil {
		p.clients[name] = c
	}
	return c, err
}

// converse sends texts, and sees the replies.
func (p *player) converse(one step, seen sight) error {
	if one.By != "" && one.Kind != "ask" && one.Kind != "envelope" && len(p.last.busy()) == len(p.last.list()) {
		seen["skipped"] = "no worker is idle"
		return nil
	}
	if p.wouldRejudge(one.Texts) {
		seen["skipped"] = "a queued task would be judged again"
		return nil
	}
	replies, err := p.exchange(one.Via, one.Replies, one.Texts...)
	for i, r := range replies {
		p.reply(seen, fmt.Sprintf("reply.%d", i), r)
	}
	return err
}

// exchange sends texts and returns all replies, when everything before was dealt with.
func (p *player) exchange(via string, owed int, texts ...string) (replies []string, err error) {
	if overPostgres(via) {
		return p.notify(via, owed, texts...)
	}
	c, err := p.client(via)
	if err != nil {
		return nil, err
	}
	if len(texts) > 0 {
		if err := c.Send(strings.Join(texts, "\n") + "\n"); err != nil {
			return nil, err
		}
	}
	if replies, err = c.Until(p.mark()); err != nil {
		delete(p.clients, via) // a new one next time
		return replies, err
	}
	p.counted("socket-producer", 1)
	if c.Long > 0 {
		return replies, fmt.Errorf("%d lines of a reply have more than 1024 bytes", c.Long)
	}
	return replies, nil
}

// notify is exchange over Postgres. The original drops what comes together with a request that it
// answers, so that nothing is sent before the answer has come.
func (p *player) notify(channel string, owed int, texts ...string) (replies []string, err error) {
	for _, text := range texts {
		if err := p.notifier.Send(channel, text); err != nil {
			return nil, err
		}
	}
	for range owed {
		r, err := p.notifier.Reply(stand.Bound)
		if err != nil {
			return replies, err
		}
		replies = append(replies, r)
	}
	more, err := p.notifier.Until(channel, p.mark())
	p.counted("pg_notify-producer", 1)
	return append(replies, more...), err
}

// fresh is a connection for one step; what it says ends with the end of what is sent.
func (p *player) fresh(text string) (replies []string, err error) {
	c, err := stand.Dial(p.Path("d.sock"))
	if err != nil {
		return nil, err
	}
	defer c.Conn.Close()
	if err := c.Send(text); err != nil {
		return nil, err
	}
	if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil && !errors.Is(err, syscall.ENOTCONN) {
		return nil, err
	}
	for {
		r, err := c.Reply()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
			return replies, nil
		case err != nil:
			return replies, err
		}
		replies = append(replies, r)
	}
}

func signalWorker(pid int, s syscall.Signal) {
	_ = syscall.Kill(pid, s) // it can only be gone
}
