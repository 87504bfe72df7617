package differential

import (
	"fmt"
	"strings"
)

// requests are control requests, without reply_to.
var requests = []string{
	`"control": "alive"`, `"control": "alive", "control_data": null`, `"control": "alive", "control_data": {"x": 1}`, `"control": "alive", "control_data": 5`,
	`"control": "running"`, `"control": "running", "control_data": {}`, `"control": "running", "control_data": null`,
	`"control": "running", "control_data": {"task": "stage.act"}`, `"control": "running", "control_data": {"task": 5}`,
	`"control": "running", "control_data": {"args": [1]}`, `"control": "running", "control_data": {"args": [1.0], "kwargs": {"k": 1}}`,
	`"control": "running", "control_data": {"args": []}`, `"control": "running", "control_data": {"kwargs": {"k": true}}`,
	`"control": "running", "control_data": {"uuid": "", "task": "stage.bound"}`, `"control": "running", "control_data": {"uuid": 5}`,
	`"control": "running", "control_data": {"channel": "low", "on_duplicate": "serial"}`, `"control": "running", "control_data": {"args": "1"}`,
	`"control": "workers"`, `"control": "workers", "control_data": {"worker_id": 0}`, `"control": "producers"`, `"control": "metrics"`, `"control": "main"`,
	`"control": "chunks"`, `"control": "status"`, `"control": "aio_tasks"`, `"control": "aio_tasks", "control_data": {"limit": 0}`,
	`"control": "aio_tasks", "control_data": {"limit": 2}`,
	`"control": "set_log_level", "control_data": {"level": "warn"}`, `"control": "set_log_level", "control_data": {"level": " Debug "}`,
	`"control": "set_log_level", "control_data": {"level": 15}`, `"control": "set_log_level", "control_data": {"level": "FATAL"}`,
	`"control": "set_log_level", "control_data": {"level": "notset"}`, `"control": "set_log_level", "control_data": {"level": true}`,
	`"control": "set_log_level", "control_data": {"level": "bogus"}`, `"control": "set_log_level", "control_data": {"level": " "}`,
	`"control": "set_log_level", "control_data": {}`, `"control": "set_log_level"`, `"control": "set_log_level", "control_data": {"level": [1]}`,
	`"control": "set_log_level", "control_data": {"level": "INFO", "other": 1}`, `"control": "set_log_level", "control_data": {"level": -3}`,
	`"control": "nothing"`, `"control": ""`, `"control": "_find_tasks"`, `"control": "__doc__"`, `"control": "ALIVE"`, `"control": "alive "`,
	`"control": "alive", "uuid": "of a request", "task": "stage.note", "args": [1]`, `"control": "cancel", "control_data": {"uuid": "nobody's"}`,
}

// ask is a control request, which is answered if it says so.
func (g *generator) ask() []step {
	one := step{Via: g.via(), Replies: 1}
	reply := pick(g, `"reply_to": "replies"`, `"reply_to": "replies"`, `"reply_to": "replies"`, "", `"reply_to": ""`, `"reply_to": null`)
	if !strings.Contains(reply, "replies") {
		one.Replies = 0
	} else if !overPostgres(one.Via) && g.IntN(3) == 0 {
		reply = pick(g, `"reply_to": true`, `"reply_to": 5`, `"reply_to": "`+strings.Repeat("r", 100)+`"`)
	}
	request := pick(g, requests...)
	if strings.HasPrefix(request, `"control": ""`) {
		one.By = "empty name"
	}
	whole := with(request, reply)
	one.Texts = []string{whole}
	if g.IntN(8) == 0 { // as a client sends what is long
		g.parts++
		pieces := g.cutUp(whole, 3)
		one.Texts = nil
		for i, p := range pieces {
			one.Texts = append(one.Texts, part(fmt.Sprintf("request %d", g.parts), i, len(pieces), p))
		}
	}
	return []step{one}
}

// run submits a task by a control request. It equals only those of its own mode, so that none is judged again.
func (g *generator) run() []step {
	data := pick(g,
		g.simple("stage.note"), g.simple("stage.act"), `{"task": "stage.note", "args": ["run"]}`, `{}`, `null`, `{"control": "alive", "reply_to": "replies"}`, `{"control": "nothing"}`,
		with(`"task": "stage.act", "on_duplicate": "discard", "args": ["run", "discard"], "channel": "mine"`, fmt.Sprintf(`"uuid": %q`, g.uuid())),
		with(`"task": "stage.act", "on_duplicate": "serial", "args": ["run", "serial"]`, fmt.Sprintf(`"uuid": %q`, g.uuid())),
		with(`"task": "stage.act", "args": ["run", "later"], "delay": 3600`, fmt.Sprintf(`"uuid": %q`, g.uuid())),
		`{"control": "run", "control_data": {"task": "stage.note", "uuid": "nested"}}`,
	)
	return []step{{Via: g.via(), Replies: 1, Texts: []string{fmt.Sprintf(`{"control": "run", "control_data": %s, "reply_to": "replies"}`, data)}}}
}

// cancel cancels what is in some state, or asks whether it is listed.
func (g *generator) cancel() []step {
	one := step{
		Via: g.via(), Replies: 1, Pick: g.IntN(6),
		Where:  pick(g, "worker", "worker", "queued", "queued", "blocked", "blocked", "delayed", "delayed"),
		Filter: pick(g, "uuid", "uuid", "uuid", "task", "args", "kwargs", "all", "other", "falsy", "several"),
		Order:  pick(g, "", "", "running"),
	}
	if g.IntN(5) == 0 {
		one.Replies = 0
	}
	return []step{one}
}

// row has several wait one after the other, and cancels them at once.
func (g *generator) row() []step {
	return []step{{Via: g.via(), Where: pick(g, "queued", "blocked"), Pick: g.IntN(4)}}
}

// rejudge has a task wait for a worker, and then its equal.
func (g *generator) rejudge() []step {
	first := pick(g, "serial", "discard", "queue_one")
	second := map[string]string{"serial": "parallel", "discard": pick(g, "parallel", "serial"), "queue_one": pick(g, "parallel", "serial")}[first]
	var both []string
	for _, mode := range []string{first, second} {
		both = append(both, with(`"task": "stage.plain", "args": ["again"]`, fmt.Sprintf(`"uuid": %q`, g.uuid()), fmt.Sprintf(`"on_duplicate": %q`, mode)))
	}
	return []step{{Via: g.via(), Texts: both}}
}
