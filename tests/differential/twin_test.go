package differential

import (
	"fmt"
	"slices"

	"dispatcherd/daemon/message"
	"dispatcherd/tests/stand"
)

// twin is a serial task and its equal, and another that ends at once. The first one's worker dies, or it
// is cancelled in the queue, while its equal is blocked: the original lets that go with the next end of
// a task.
func (g *generator) twin() []step {
	var all []string
	arguments := fmt.Sprintf(`"args": ["twin", %d]`, g.uuids)
	for range 2 {
		all = append(all, with(`"task": "stage.act"`, arguments, fmt.Sprintf(`"uuid": %q`, g.uuid()), `"on_duplicate": "serial"`))
	}
	return []step{{Via: g.via(), Signal: pick(g, 9, 15), Texts: append(all, g.simple("stage.note"))}}
}

// loseTwin has the first of two equals lost while the other is blocked.
func (p *player) loseTwin(one step, seen sight) error {
	idle := len(p.last.list()) - len(p.last.busy())
	if p.config.Wait > 0 || idle == 1 || len(p.last.waiting("queued"))+len(p.last.waiting("blocked")) > 0 {
		seen["skipped"] = "it takes two idle workers or none, and nothing that waits"
		return nil
	}
	if _, err := p.exchange(one.Via, 0, one.Texts[:2]...); err != nil {
		return err
	}
	first, err := p.settle()
	if err != nil {
		return err
	}
	if idle > 1 {
		err = p.killTwin(one, first)
	} else {
		err = p.cancelTwin(one)
	}
	if err != nil {
		return err
	}
	now, err := p.settle()
	if err != nil {
		return err
	}
	seen["let go at once"] = fmt.Sprint(len(now.waiting("blocked")) < len(first.waiting("blocked")))
	if idle > 1 {
		_, err = p.exchange(one.Via, 0, one.Texts[2])
		return err
	}
	return p.stage.order(now.busy()[0].pid, `{"do": "return", "value": "None"}`)
}

// killTwin has the worker of the first one die.
func (p *player) killTwin(one step, now state) error {
	m, err := message.Parse([]byte(one.Texts[0]))
	if err != nil {
		return err
	}
	busy := now.busy()
	i := slices.IndexFunc(busy, func(w worker) bool { return w.message["uuid"] == m.UUID() })
	if i < 0 {
		return fmt.Errorf("%s does not run", m.UUID())
	}
	p.killed[busy[i].pid] = true
	return p.stage.order(busy[i].pid, fmt.Sprintf(`{"do": "die", "number": %d}`, one.Signal))
}

// cancelTwin cancels the first one in the queue.
func (p *player) cancelTwin(one step) error {
	m, err := message.Parse([]byte(one.Texts[0]))
	if err != nil {
		return err
	}
	data := map[string]any{"uuid": m.UUID}
	_, err = p.exchange(one.Via, 1, text(map[string]any{"control": "cancel", "control_data": data, "reply_to": stand.ReplyChannel}))
	return err
}

// both is messages that are sent over both brokers at once, whole and in parts.
func (g *generator) both() []step {
	var all []string
	for range 3 + g.IntN(4) {
		all = append(all, g.simple("stage.note"))
	}
	g.parts++
	pieces := g.cutUp(g.simple("stage.note"), 2+g.IntN(3))
	for i, p := range pieces {
		all = append(all, part(fmt.Sprintf("over both %d", g.parts), i, len(pieces), p))
	}
	return []step{{Texts: all}}
}

// sendOverBoth sends over Postgres and the socket in turns, and waits for neither meanwhile.
func (p *player) sendOverBoth(one step, seen sight) error {
	if len(p.last.busy()) == len(p.last.list()) || p.config.Wait > 0 {
		seen["skipped"] = "no worker is idle, or how far the pool grows is chance"
		return nil
	}
	c, err := p.client("socket")
	if err != nil {
		return err
	}
	for i, text := range one.Texts {
		if i%2 == 0 {
			err = p.notifier.Send("low", text)
		} else {
			err = c.Send(text + "\n")
		}
		if err != nil {
			return err
		}
	}
	for _, via := range []string{"socket", "low"} {
		if _, err := p.exchange(via, 0); err != nil {
			return err
		}
	}
	return nil
}
