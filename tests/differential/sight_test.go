package differential

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"dispatcherd/daemon/message"
)

// sight is what is seen of one step: a text for each path, such as "count.finished" or
// "running.queued-0.uuid".
type sight map[string]string

// final says whether nothing more is to be looked at: a step has seen all by itself.
func (s sight) final() bool { return s["all"] != "" }

// put takes a value apart. Whatever is a matter of chance becomes a word that says what it is.
func (p *player) put(seen sight, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			seen[path] = "{}"
		}
		for key, inner := range v {
			p.put(seen, path+"."+key, p.normal(path, key, inner))
		}
	case []any:
		if len(v) == 0 {
			seen[path] = "[]"
		}
		for i, inner := range v {
			p.put(seen, fmt.Sprintf("%s.%d", path, i), inner)
		}
	case message.Number:
		seen[path] = canonical(v)
	case word:
		seen[path] = string(v)
	default:
		seen[path] = text(v)
	}
}

// canonical writes a number as all texts of it are written.
func canonical(n message.Number) string {
	if strings.ContainsAny(string(n), ".eE") {
		f, _ := strconv.ParseFloat(string(n), 64)
		if math.IsInf(f, 0) {
			return map[bool]string{true: "-Infinity", false: "Infinity"}[f < 0]
		}
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	if n == "-0" {
		return "0"
	}
	return string(n)
}

// word is a text that stands for a value.
type word string

// seconds are keys whose numbers are times.
var seconds = []string{"age", "uptime_seconds", "seconds_since_start"}

// normal is a value without what differs from run to run.
func (p *player) normal(path, key string, v any) any {
	n, isNumber := v.(message.Number)
	switch {
	case isNumber && slices.Contains(seconds, key):
		return word("seconds")
	case isNumber && strings.Contains(path, ".usage.") && strings.Contains(string(n), "."):
		return word("seconds")
	case isNumber && key == "pid":
		return word("pid")
	case key == "stack":
		if strings.HasPrefix(fmt.Sprint(v), "No stack for") {
			return word("no stack")
		}
		return word("a stack")
	case key == "host" && v == p.host:
		return word("an address of its own")
	case isNumber && p.base(path, key) != nil:
		return word(fmt.Sprintf("+%d", int(number(n))-int(number(p.base(path, key)))))
	case key == "uuid" || key == "current_task_uuid":
		return p.label(v)
	}
	return v
}

// base is the value of a counter when the step began, nil for what is no counter.
func (p *player) base(path, key string) any {
	if strings.HasSuffix(path, "http_server") {
		return cmp.Or[any](p.pages[key], message.Number("0"))
	}
	switch key {
	case "received_count":
		return message.Number(fmt.Sprint(p.bases[len(p.bases)-1]))
	case "control_count":
		return message.Number(fmt.Sprint(int(number(p.last.main[key])) + 1))
	case "finished_count", "canceled_count", "retirement_count", "next_worker_id":
		if pool, _ := p.last.main["pool"].(map[string]any); strings.HasSuffix(path, "pool") && pool != nil {
			return pool[key]
		}
	case "total_chunks_received", "successful_assemblies", "errored_assemblies", "timed_out_assemblies":
		status, _ := p.last.chunks["status"].(map[string]any)
		return cmp.Or[any](status[key], message.Number("0"))
	case "produced_count", "recycle_count":
		producer := path[strings.LastIndex(path, ".")+1:]
		if was, _ := p.last.producers[producer].(map[string]any); was != nil {
			return was[key]
		}
	}
	return nil
}

var internal = regexp.MustCompile(`^internal-([0-9]+)$`)

// label makes a uuid that counts what was received before one that does not count the player's own
// requests: it tells the step, and how many messages of it came before.
func (p *player) label(v any) any {
	s, _ := v.(string)
	m := internal.FindStringSubmatch(s)
	if m == nil {
		return v
	}
	n, _ := strconv.Atoi(m[1])
	for i, base := range slices.Backward(p.bases) {
		if base <= n {
			return fmt.Sprintf("internal, step %d, %d", i, n-base)
		}
	}
	return "internal, before the first step"
}

// reply sees a reply of the service.
func (p *player) reply(seen sight, path, r string) {
	o, err := object(r)
	if err != nil {
		seen[path] = "no object: " + r
		return
	}
	p.put(seen, path, p.renamed(o))
}

// renamed gives the workers in the keys of an object their aliases, and sorts what has no order:
// delayed messages, and workers without an alias.
func (p *player) renamed(o map[string]any) map[string]any {
	named := map[string]any{}
	unordered := map[string][]any{}
	for key, v := range o {
		inner, isObject := v.(map[string]any)
		id, isWorker := strings.CutPrefix(key, "worker-")
		n, _ := strconv.Atoi(id)
		if _, listed := inner["worker_id"]; isWorker && listed {
			inner = maps.Clone(inner)
			inner["finished_count"] = fmt.Sprintf("+%d", int(number(inner["finished_count"]))-p.earlier[n])
			inner["worker_id"] = "is that of its key: " + strconv.FormatBool(text(inner["worker_id"]) == id)
		}
		switch {
		case isWorker && isObject && p.alias[n] != "":
			named[p.alias[n]] = inner
		case isWorker && isObject:
			unordered["some worker"] = append(unordered["some worker"], inner)
		case strings.HasPrefix(key, "delayed-") && isObject:
			unordered["delayed"] = append(unordered["delayed"], v)
		case isObject && (key == "running" || key == "workers"):
			named[key] = p.renamed(inner)
		default:
			named[key] = v
		}
	}
	for kind, all := range unordered {
		slices.SortFunc(all, func(a, b any) int { return cmp.Compare(p.order(a), p.order(b)) })
		for i, v := range all {
			named[fmt.Sprintf("%s %d", kind, i)] = v
		}
	}
	return named
}

// order is a text of a worker or a message by which it is sorted.
func (p *player) order(v any) string {
	o, _ := v.(map[string]any)
	return fmt.Sprint(p.label(o["uuid"]), o["finished_count"], o["status"], text(o["task"]), text(o["args"]), text(o["kwargs"]))
}

// see looks at what has become of the service with a step.
func (p *player) see(one step, seen sight, before, now state) {
	pool := func(s state, key string) int { o, _ := s.main["pool"].(map[string]any); return int(number(o[key])) }
	counts := map[string]int{
		"received": int(number(now.main["received_count"])) - now.polls - int(number(before.main["received_count"])) + before.polls,
		"control":  int(number(now.main["control_count"])) - now.polls - int(number(before.main["control_count"])) + before.polls,
	}
	for _, key := range []string{"finished_count", "canceled_count", "retirement_count", "next_worker_id"} {
		counts[key] = pool(now, key) - pool(before, key)
	}
	for _, key := range []string{"worker_ct", "running_ct", "active_task_ct"} {
		counts[key] = pool(now, key)
	}
	ends := counts["finished_count"] + counts["canceled_count"]
	for key, n := range counts {
		seen["count."+key] = strconv.Itoa(n)
	}
	p.seeProducers(seen, before, now)
	p.seeEvents(seen, before, now, p.config.Max > 1 && (ends > 1 || len(p.bases) == 1) || one.By != "" || slices.Contains([]string{"kill", "rejudge", "twin", "both"}, one.Kind))
	p.put(seen, "running", p.renamed(now.running))
	p.put(seen, "chunks", now.chunks)
	p.put(seen, "workers", p.renamed(now.workers))
}

// seeProducers counts what each producer has produced, without the player's own requests.
func (p *player) seeProducers(seen sight, before, now state) {
	for name, v := range now.producers {
		o, _ := v.(map[string]any)
		was, _ := before.producers[name].(map[string]any)
		n := int(number(o["produced_count"])) - int(number(was["produced_count"])) - p.produced[name]
		seen["produced."+name] = strconv.Itoa(n)
		if recycled, ok := o["recycle_count"]; ok {
			seen["recycled."+name] = strconv.Itoa(int(number(recycled)) - int(number(was["recycle_count"])))
		}
	}
	p.produced = map[string]int{}
}

// seeEvents sees what tasks have told: the events of each worker in their order. Where several tasks
// have ended together it is chance which worker has taken what comes next.
func (p *player) seeEvents(seen sight, before, now state, chance bool) {
	groups := map[string][]string{}
	pids := map[int]string{}
	for _, w := range slices.Concat(before.list(), now.list()) {
		if a, ok := p.alias[w.id]; ok {
			pids[w.pid] = a
		}
	}
	for _, e := range p.stage.take() {
		group := "any worker"
		if !chance {
			group = cmp.Or(pids[e.pid], fmt.Sprint(e.pid))
		}
		groups[group] = append(groups[group], p.labelled(e.text))
	}
	if chance {
		sort.Strings(groups["any worker"])
	}
	p.rename(before, now, chance)
	var strangers []string
	for group, events := range groups {
		if _, err := strconv.Atoi(group); err == nil {
			strangers = append(strangers, strings.Join(events, "\n"))
			continue
		}
		seen["events."+group] = strings.Join(events, "\n")
	}
	sort.Strings(strangers)
	for i, events := range strangers {
		seen[fmt.Sprintf("events.another worker %d", i)] = events
	}
}

var quotedInternal = regexp.MustCompile(`internal-[0-9]+`)

// labelled replaces the uuids in the text of an event.
func (p *player) labelled(s string) string {
	return quotedInternal.ReplaceAllStringFunc(s, func(u string) string { return fmt.Sprint(p.label(u)) })
}

// rename forgets the aliases that say nothing any more, and gives busy workers new ones, in the order
// of their tasks.
func (p *player) rename(before, now state, chance bool) {
	was, listed := map[int]string{}, map[int]bool{}
	for _, w := range before.busy() {
		was[w.id] = w.description
	}
	for _, w := range now.list() {
		listed[w.id] = true
		if o, _ := now.workers[fmt.Sprintf("worker-%d", w.id)].(map[string]any); chance {
			p.earlier[w.id] = int(number(o["finished_count"]))
		}
		if chance && (w.message == nil || was[w.id] != w.description) {
			delete(p.alias, w.id)
		}
	}
	maps.DeleteFunc(p.alias, func(id int, _ string) bool { return !listed[id] })
	for _, w := range now.busy() {
		if p.alias[w.id] == "" {
			p.aliases++
			p.alias[w.id] = fmt.Sprintf("worker %c", 'A'+rune(p.aliases-1))
		}
	}
}
