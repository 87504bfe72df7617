package differential

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"dispatcherd/tests/stand"
)

// fatal is what the original does not go on from: what takes its socket down for good, has its delays or its
// timeouts fail from then on, ends it, or keeps a worker for ever. Both are started again after it.
func (g *generator) fatal() []step {
	note := g.simple("stage.note")
	odd := func(member string) []string { return []string{strings.TrimSuffix(note, "}") + ", " + member + "}"} }
	one := pick(g,
		step{By: "text as delay", Via: pick(g, "socket", "low"), Texts: odd(`"delay": ` + pick(g, `"x"`, `"5"`, `[1]`))},
		step{By: "text as timeout", Via: pick(g, "socket", "low"), Texts: odd(`"timeout": ` + pick(g, `"x"`, `"5"`, `{"a": 1}`))},
		step{By: "cancel without object", Via: pick(g, "socket", "low"), Where: "listed",
			Texts: []string{`{"control": "cancel", "control_data": ` + pick(g, "5", `"x"`, "[1]") + `}`}},
		step{By: "raises on the socket", Via: "socket", Texts: []string{pick(g, `{"control": 5}`, `{"control": "logging"}`, `{"control": "aio_tasks", "control_data": {"limit": "x"}}`)}},
		step{By: "raises when due", Via: pick(g, "socket", "low"), Texts: []string{`{"control": ` + pick(g, "5", `"asyncio"`) + `, "delay": 0.1}`}},
		step{By: "no pickle", Where: "actor", Pick: g.IntN(6), Order: `{"do": "return", "value": "` + pick(g, "[lambda: 0]", "{'a': open('/dev/null')}") + `"}`},
	)
	return []step{one}
}

// endanger does what the original does not go on from, sees whether the service goes on, and starts
// it again.
func (p *player) endanger(one step, seen sight) error {
	busy := p.last.busy()
	switch {
	case one.Where == "listed" && len(p.last.running) == 0:
		seen["skipped"] = "nothing is listed"
	case one.By == "text as timeout" && len(busy) == len(p.last.list()):
		seen["skipped"] = "no worker is idle"
	case one.Where == "actor" && len(busy) == 0:
		seen["skipped"] = "nobody is on the stage"
	case one.Where == "actor" && followed(busy[one.Pick%len(busy)].message):
		seen["skipped"] = "others follow, and may wait for an order"
	}
	if seen["skipped"] != "" {
		return nil
	}
	if err := p.provoke(one); err != nil {
		return err
	}
	goesOn, err := p.outlives(one)
	if err != nil {
		return err
	}
	seen["goes on"] = fmt.Sprint(goesOn)
	p.stage.take()
	return p.restart()
}

// provoke sends what it is, and waits for nothing.
func (p *player) provoke(one step) error {
	if one.Order != "" {
		busy := p.last.busy()
		return p.stage.order(busy[one.Pick%len(busy)].pid, one.Order)
	}
	if overPostgres(one.Via) {
		return p.notifier.Send(one.Via, one.Texts[0])
	}
	c, err := stand.Dial(p.Path("d.sock"))
	if err != nil {
		return err
	}
	p.clients["provokes"] = c
	return c.Send(one.Texts[0] + "\n")
}

// outlives says whether the service goes on after what was sent. Ours does if it comes to rest and hears
// both of its brokers; of the original what it does instead is waited for.
func (p *player) outlives(one step) (bool, error) {
	if p.Side == stand.Ours {
		if _, err := p.exchange("socket", 0); err != nil {
			return false, err
		}
		if err := p.knock(); err != nil {
			return false, err
		}
		_, err := p.settle()
		return err == nil, err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < stand.Bound; {
		if one.Order != "" && p.lostResult() || one.Order == "" && p.begunAnew(producerOf(one.Via)) {
			return false, nil
		}
		select {
		case <-tick.C:
		case <-p.Done:
			return false, nil
		}
	}
	return false, errors.New("the original goes on")
}

// begunAnew says whether the original has recycled a producer, which is asked for over the other one: its
// socket may be deaf and yet open.
func (p *player) begunAnew(producer string) bool {
	recycles := func(producers map[string]any) float64 {
		o, _ := producers[producer].(map[string]any)
		return number(o["recycle_count"])
	}
	if producer == "pg_notify-producer" {
		now, err := p.look()
		return err != nil || recycles(now.producers) > recycles(p.last.producers)
	}
	if err := p.notifier.Send("low", `{"control": "producers", "reply_to": "`+stand.ReplyChannel+`"}`); err != nil {
		return false
	}
	reply, err := p.notifier.Reply(time.Second) // none if the service is ending
	if err != nil {
		return false
	}
	now, err := object(reply)
	return err == nil && recycles(now) > recycles(p.last.producers)
}

// lostResult says whether the original has found out, beside its loop, that a result cannot be sent: its
// worker has done with it by then, and stays busy.
func (p *player) lostResult() bool {
	text, err := os.ReadFile(p.Path("log"))
	return err == nil && strings.Contains(string(text), "in _feed")
}

// restart ends the service, whatever has become of it, and starts it again on the same files.
func (p *player) restart() error {
	p.hangUp()
	p.stage.close() // which ends all tasks that wait for an order
	if p.Side == stand.Original {
		_ = syscall.Kill(-p.Cmd.Process.Pid, syscall.SIGKILL) // it would leave its workers, or not stop
		<-p.Done
		os.Remove(p.Path("d.sock")) // which a worker may have open until it is gone, too
	} else if _, err := p.terminate(); err != nil {
		return err
	}
	var err error
	if p.stage, err = newStage(p.Dir); err != nil {
		return err
	}
	p.Done = make(chan struct{})
	if err := p.run(); err != nil {
		return err
	}
	*p = *newPlayer(p.service, p.config)
	p.bases = []int{1} // of this step
	return p.begin(step{}, sight{})
}
