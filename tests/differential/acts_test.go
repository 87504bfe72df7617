package differential

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"dispatcherd/daemon/message"
	"dispatcherd/tests/stand"
)

// direct gives an actor an order.
func (p *player) direct(one step, seen sight) error {
	busy := p.last.busy()
	if len(busy) == 0 {
		seen["skipped"] = "nobody is on the stage"
		return nil
	}
	w := busy[one.Pick%len(busy)]
	if strings.Contains(one.Order, `"control"`) && w.message["task"] != "stage.bound" {
		seen["skipped"] = "an actor who is not bound"
		return nil
	}
	if one.By != "" && followed(w.message) {
		seen["skipped"] = "others follow, so that what differs is seen later, or never"
		return nil
	}
	if one.deadly() && p.equalBlocked(w.message) {
		seen["skipped"] = "an equal task is blocked"
		return nil
	}
	if strings.Contains(one.Order, "withstand") {
		p.stubborn[w.description] = true
	}
	seen["actor"] = fmt.Sprint(p.label(w.message["uuid"]))
	return p.stage.order(w.pid, one.Order)
}

// followed says whether a message has callbacks or errbacks.
func followed(m map[string]any) bool { return truthy(m["callbacks"]) || truthy(m["errbacks"]) }

// equalBlocked says whether a task that equals this one is blocked. When this one dies, the original lets
// the other go with the next end of a task only.
func (p *player) equalBlocked(m map[string]any) bool {
	own, err := message.Parse(message.Encode(m))
	return err == nil && slices.ContainsFunc(p.last.waiting("blocked"), func(m map[string]any) bool {
		other, err := message.Parse(message.Encode(m))
		return err == nil && other.Key == own.Key
	})
}

// target is the message that a step is about, nil for none.
func (p *player) target(one step) map[string]any {
	var all []map[string]any
	if one.Where == "worker" {
		for _, w := range p.last.busy() {
			all = append(all, w.message)
		}
	} else {
		all = p.last.waiting(one.Where)
	}
	if len(all) == 0 {
		return nil
	}
	return all[one.Pick%len(all)]
}

// filter is the control data by which a message is meant.
func filter(by string, m map[string]any) map[string]any {
	switch by {
	case "all":
		return map[string]any{}
	case "other":
		return map[string]any{"task": m["task"], "uuid": "nobody's"}
	case "falsy":
		return map[string]any{"uuid": m["uuid"], "task": nil, "args": []any{}, "kwargs": map[string]any{}}
	case "several":
		return map[string]any{"task": m["task"], "uuid": m["uuid"], "channel": "does not matter"}
	}
	return map[string]any{by: m[by]}
}

// cancel cancels what is meant by a filter, or asks for it.
func (p *player) cancel(one step, seen sight) error {
	m := p.target(one)
	if m == nil {
		seen["skipped"] = "nothing is " + one.Where
		return nil
	}
	data := filter(one.Filter, m)
	command := cmp.Or(one.Order, "cancel")
	if command == "cancel" && (p.skipsSome(data) || p.leavesTwin(data)) {
		seen["skipped"] = "several in a row are hit, or one whose equal is blocked"
		return nil
	}
	if command == "cancel" && p.cancelsFollowers(data) {
		seen["skipped"] = "what follows a task that is hit would stay"
		return nil
	}
	if command == "cancel" {
		for _, w := range p.last.busy() {
			if matches(data, w.message) {
				p.stage.awaitCancel(w.pid)
			}
		}
	}
	request := map[string]any{"control": command, "control_data": data}
	if one.Replies > 0 {
		request["reply_to"] = stand.ReplyChannel
	}
	replies, err := p.exchange(one.Via, one.Replies, text(request))
	for i, r := range replies {
		p.reply(seen, fmt.Sprintf("reply.%d", i), r)
	}
	return err
}

// matches says whether a filter hits a message.
func matches(data, m map[string]any) bool {
	for _, key := range []string{"task", "args", "kwargs", "uuid"} {
		if v := data[key]; truthy(v) && message.ValueKey(message.Encode(v)) != message.ValueKey(message.Encode(m[key])) {
			return false
		}
	}
	return true
}

func truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case message.Number:
		return number(v) != 0
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

// leavesTwin says whether the filter hits a queued task of which an equal is blocked. The original lets that
// one go with the next end of a task only.
func (p *player) leavesTwin(data map[string]any) bool {
	return slices.ContainsFunc(p.last.waiting("queued"), func(m map[string]any) bool {
		return matches(data, m) && p.equalBlocked(m)
	})
}

// cancelsFollowers says whether the filter hits a running task behind which others wait for an order. They may
// take any time in the original, and cancel_grace here.
func (p *player) cancelsFollowers(data map[string]any) bool {
	return slices.ContainsFunc(p.last.busy(), func(w worker) bool {
		followers := text(w.message["callbacks"]) + text(w.message["errbacks"])
		return matches(data, w.message) && (strings.Contains(followers, "stage.act") || strings.Contains(followers, "stage.bound"))
	})
}

// skipsSome says whether the original would pass over a message that the filter hits, as it does with
// every second one of those that are queued or blocked one after the other.
func (p *player) skipsSome(data map[string]any) bool {
	return p.row("queued", data) > 1 || p.row("blocked", data) > 1
}

// row is the length of the longest row of messages that a filter hits.
func (p *player) row(kind string, data map[string]any) (longest int) {
	n := 0
	for _, m := range p.last.waiting(kind) {
		if n++; !matches(data, m) {
			n = 0
		}
		longest = max(longest, n)
	}
	return longest
}

// cancelRow cancels several that wait one after the other. What the original leaves behind is cancelled
// one by one.
func (p *player) cancelRow(one step, seen sight) error {
	m := p.target(one)
	if m == nil {
		seen["skipped"] = "nothing is " + one.Where
		return nil
	}
	data := filter("task", m)
	for _, w := range p.last.busy() {
		if matches(data, w.message) {
			seen["skipped"] = "one that runs is hit, too"
			return nil
		}
	}
	if p.leavesTwin(data) {
		seen["skipped"] = "one is hit whose equal is blocked"
		return nil
	}
	request := text(map[string]any{"control": "cancel", "control_data": data, "reply_to": stand.ReplyChannel})
	replies, err := p.exchange(one.Via, 1, request)
	if err != nil {
		return err
	}
	first, err := object(replies[0])
	if err != nil {
		return err
	}
	seen["hit at once"] = fmt.Sprint(len(first) - 1) // less node_id
	seen["in a row"] = fmt.Sprint(p.skipsSome(data))
	hit := p.uuids(first)
	for round := 0; len(first) > 1 && round < 20; round++ { // each hits one at least
		if replies, err = p.exchange(one.Via, 1, request); err != nil {
			return err
		}
		if first, err = object(replies[0]); err != nil {
			return err
		}
		p.counted(producerOf(one.Via), 1) // how many it takes is no matter
		hit = append(hit, p.uuids(first)...)
	}
	slices.Sort(hit)
	seen["hit"] = strings.Join(hit, " ")
	return nil
}

func (p *player) uuids(messages map[string]any) (all []string) {
	for _, v := range messages {
		if m, ok := v.(map[string]any); ok {
			all = append(all, fmt.Sprint(p.label(m["uuid"])))
		}
	}
	return all
}

// wouldRejudge says whether the original would judge a queued task again because of what is sent.
func (p *player) wouldRejudge(texts []string) bool {
	for _, one := range texts {
		m, err := message.Parse([]byte(one))
		if err != nil || m.IsControl {
			continue
		}
		if p.rejudges("queued", m, func(was, is message.OnDuplicate) bool {
			switch was {
			case message.Serial:
				return is != message.Serial && is != message.Discard && is != message.QueueOne
			case message.Discard, message.QueueOne:
				return is != message.Discard
			}
			return false
		}) || p.rejudges("blocked", m, func(was, is message.OnDuplicate) bool {
			return was == message.QueueOne && is == message.Serial
		}) {
			return true
		}
	}
	return false
}

// rejudges says whether one of the messages that wait in some state is the same task, and of a mode
// that a later one of this mode has it judged otherwise.
func (p *player) rejudges(where string, m *message.Message, otherwise func(was, is message.OnDuplicate) bool) bool {
	for _, waiting := range p.last.waiting(where) {
		w, err := message.Parse(message.Encode(waiting))
		if err == nil && w.Key == m.Key && otherwise(w.OnDuplicate(), m.OnDuplicate()) {
			return true
		}
	}
	return false
}

// rejudge has a serial task be queued, and its equal behind it, and sees in which order they begin.
func (p *player) rejudge(one step, seen sight) error {
	if len(p.last.busy()) != 1 || p.config.Max != 1 || len(p.last.waiting("queued"))+len(p.last.waiting("blocked")) > 0 {
		seen["skipped"] = "it takes one worker, which is busy, and nothing that waits"
		return nil
	}
	if _, err := p.exchange(one.Via, 0, one.Texts...); err != nil {
		return err
	}
	var order []string
	for range len(one.Texts) + 1 { // and whoever was there before
		now, err := p.settle()
		if err != nil {
			return err
		}
		if len(now.busy()) == 0 {
			break
		}
		if err := p.stage.order(now.busy()[0].pid, `{"do": "return", "value": "None"}`); err != nil {
			return err
		}
		if now, err = p.settle(); err != nil {
			return err
		}
		if len(now.busy()) > 0 {
			order = append(order, now.busy()[0].uuid)
		}
	}
	p.stage.take() // the order says it
	seen["order"] = strings.Join(order, " ")
	return nil
}

// kill sends a worker a signal.
func (p *player) kill(one step, seen sight) error {
	var all []worker
	for _, w := range p.last.list() {
		if (w.message == nil) == (one.Where == "idle") {
			all = append(all, w)
		}
	}
	if len(all) == 0 {
		seen["skipped"] = "no worker is " + one.Where
		return nil
	}
	slices.SortStableFunc(all, func(a, b worker) int { return cmp.Compare(p.alias[a.id]+a.uuid, p.alias[b.id]+b.uuid) })
	w := all[one.Pick%len(all)]
	if w.message != nil && p.equalBlocked(w.message) {
		seen["skipped"] = "an equal task is blocked"
		return nil
	}
	p.killed[w.pid] = syscall.Signal(one.Signal) != cancelSignal
	signalWorker(w.pid, syscall.Signal(one.Signal))
	return nil
}

// poison sends over Postgres what takes the original's producer down, and waits until both listen.
func (p *player) poison(one step, seen sight) error {
	if one.Where == "listed" && len(p.last.running) == 0 {
		seen["skipped"] = "it takes a task that is listed"
		return nil
	}
	for _, payload := range one.Texts {
		if err := p.notifier.Send(one.Via, payload); err != nil {
			return err
		}
	}
	if p.Side == stand.Original {
		if err := p.recycled(); err != nil {
			return err
		}
	}
	return p.knock()
}

// timesRecycled is how often a service has begun anew to listen to Postgres.
func timesRecycled(s state) float64 {
	o, _ := s.producers["pg_notify-producer"].(map[string]any)
	return number(o["recycle_count"])
}

// recycled waits until Postgres is listened to once more than before.
func (p *player) recycled() error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < stand.Bound; <-tick.C {
		now, err := p.look()
		if err != nil || timesRecycled(now) > timesRecycled(p.last) {
			return err
		}
	}
	return errors.New("the producer does not recycle")
}

// cut ends the service's connections to Postgres.
func (p *player) cut(step, sight) error {
	ctx, cancel := context.WithTimeout(context.Background(), stand.Bound)
	defer cancel()
	rows, err := p.notifier.Sender.Query(ctx, "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'stage'")
	if err != nil {
		return err
	}
	backends, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		return err
	}
	// Whoever sends on a connection that is just going cannot know whether it has arrived: they are to be gone.
	for left := 1; left > 0; {
		err := p.notifier.Sender.QueryRow(ctx, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid = ANY($1)", backends).Scan(&left)
		if err != nil {
			return err
		}
	}
	if err := p.recycled(); err != nil {
		return err
	}
	return p.knock()
}

// line sends bytes on a connection of their own, whose end follows them.
func (p *player) line(one step, seen sight) error {
	if one.By != "" && len(p.last.busy()) == len(p.last.list()) {
		seen["skipped"] = "no worker is idle"
		return nil
	}
	replies, err := p.fresh(strings.Join(one.Texts, ""))
	for i, r := range replies {
		p.reply(seen, fmt.Sprintf("reply.%d", i), r)
	}
	return err
}

// unheard sends to a channel that the service does not listen to.
func (p *player) unheard(one step, _ sight) error {
	if err := p.notifier.Send("elsewhere", one.Texts[0]); err != nil {
		return err
	}
	_, err := p.notifier.Until("low", p.mark())
	p.counted("pg_notify-producer", 1)
	return err
}

var delayedPlace = regexp.MustCompile(`delayed-\d+`)

// ctl runs the side's own dispatcherctl.
func (p *player) ctl(one step, seen sight) error {
	if p.config.Page && one.Texts[0] == "metrics" {
		seen["skipped"] = "it tells all that the page has counted, some of which may differ"
		return nil
	}
	arguments := slices.Clone(one.Texts)
	if one.Where != "" {
		m := p.target(one)
		uuid, _ := m["uuid"].(string)
		if uuid == "" {
			seen["skipped"] = "nothing is " + one.Where
			return nil
		}
		arguments = append(arguments, "--uuid", uuid)
	}
	program := filepath.Join(programs, "dispatcherctl")
	if p.Side == stand.Original {
		program = filepath.Join(os.Getenv("DISPATCHERD_TEST_VENV"), "bin", "dispatcherctl")
	}
	ctx, cancel := context.WithTimeout(context.Background(), stand.Bound)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append(arguments, "--config", "dispatcher.yml", "--log-level", "ERROR")...)
	cmd.Dir = p.Dir
	cmd.Env = p.Cmd.Env
	out, err := cmd.Output()
	var failure *exec.ExitError
	if err != nil && !errors.As(err, &failure) {
		return err
	}
	seen["exit"] = fmt.Sprint(cmd.ProcessState.ExitCode())
	seen["output"] = p.labelled(delayedPlace.ReplaceAllString(string(out), "delayed-N")) // the original has no order of them
	return nil
}
