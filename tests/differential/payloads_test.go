package differential

import (
	"fmt"
	"slices"
	"strings"
)

// keys are members with odd values, and with some that are only rare.
var keys = []string{
	``, `"uuid": null`, `"uuid": 5`, `"uuid": [1, "a"]`, `"uuid": ""`, `"uuid": {"a": 1}`, `"uuid": true`,
	`"args": null`, `"args": "ab"`, `"args": 5`, `"args": true`,
	`"kwargs": null`, `"kwargs": []`, `"kwargs": "ab"`, `"kwargs": 5`, `"kwargs": [["a", 1]]`,
	`"time_pub": "x"`, `"time_pub": 1e400`, `"time_pub": null`, `"guid": {"a": [1]}`, `"guid": null`,
	`"timeout": 0`, `"timeout": null`, `"timeout": false`, `"timeout": ""`, `"timeout": []`, `"timeout": {}`, `"timeout": 0.0`, `"timeout": 3600`,
	`"delay": 0`, `"delay": null`, `"delay": false`, `"delay": ""`, `"delay": []`, `"delay": {}`, `"delay": 0.0`, `"delay": -5`, `"delay": -0.5`,
	`"on_duplicate": "sometimes"`, `"on_duplicate": null`, `"on_duplicate": 5`, `"on_duplicate": []`, `"on_duplicate": "SERIAL"`, `"on_duplicate": ""`,
	`"bind": 1`, `"bind": "true"`, `"bind": null`, `"bind": true`, `"bind": false`,
	`"channel": "mine"`, `"channel": null`, `"self_check": true`, `"self_check": null`,
	`"unknown": NaN`, `"unknown": [1E5, -0, 0.10, 12345678901234567890]`, `"upset": "pre_task"`,
	`"callbacks": null`, `"callbacks": []`, `"callbacks": {}`, `"errbacks": null`, `"errbacks": false`, `"callbacks": 0`,
	`"reply_to": "replies"`, `"control_data": {"a": 1}`, `"wait": true`,
	`"task": null`, `"task": 5`, `"task": []`, `"task": true`, `"task": {"a": 1}`,
}

// key is a message in which one key is odd, and sometimes a second one.
func (g *generator) key() []step {
	if g.IntN(20) == 0 {
		return []step{{Via: g.via(), By: "args object", Texts: []string{with(`"task": "stage.note"`, pick(g, `"args": {"a": 1, "b": 2}`, `"args": {}`), fmt.Sprintf(`"uuid": %q`, g.uuid()))}}}
	}
	members := []string{`"task": "stage.note"`}
	for range 1 + g.IntN(2) {
		m := pick(g, keys...)
		name, _, _ := strings.Cut(m, ":")
		members = slices.DeleteFunc(members, func(other string) bool { return strings.HasPrefix(other, name+":") })
		members = append(members, m)
	}
	if !slices.ContainsFunc(members, func(m string) bool { return strings.HasPrefix(m, `"uuid"`) }) {
		members = append(members, fmt.Sprintf(`"uuid": %q`, g.uuid()))
	}
	if g.config.Watched && g.IntN(20) == 0 {
		return []step{{Via: g.via(), By: "exit in pre_task", Texts: []string{with(append(members[:0:0], `"task": "stage.note", "upset": "exit"`, fmt.Sprintf(`"uuid": %q`, g.uuid()))...)}}}
	}
	return []step{{Via: g.via(), Texts: []string{with(members...)}}}
}

// name is a message with some name of a task.
func (g *generator) name() []step {
	name := pick(g, "", "nodots", "no.such.module", "stage.nothing", "stage.House", "stage.House.nothing", "stage.nameless", "stage.number",
		"os.cpu_count", "lambda: 7", "lambda", "lambda x: x", "lambda *a: [a]", "lambdas.x", "stage.strict", "stage..note", ".note", "stage.", "stage.note ",
		"builtins.len", "stage.DispatcherExit", "é.ü", "stage.Watched")
	return []step{{Via: g.via(), Texts: []string{with(fmt.Sprintf(`"task": %q`, name), fmt.Sprintf(`"uuid": %q`, g.uuid()),
		pick(g, "", `"args": [1]`))}}}
}

// texts are payloads that are no message as a library writes them.
var texts = []string{
	`stage.note`, `lambda: 5`, ` stage.note`, `stage.note `, `[1]`, `5`, `"x"`, `null`, `true`, `[]`, `1e5`, `NaN`, `tru`, `nothing at all`, `é`,
	"\t{\"task\": \"stage.note\"}\t", `  {"task": "stage.note", "args": [" "]}  `,
	`{"task": "stage.note", "args": [NaN, Infinity, -Infinity, 123456789012345678901234567890, 1e400, -0, 0.1]}`,
	`{"task": "stage.nothing", "task": "stage.note", "args": [1], "args": [2]}`,
	`{"task": "stage.note", "args": ["\ud800", "\udc00\ud800", "😀", "\ud83d\ude00", "\u0000x"]}`,
	`{"task": "stage.note", "args": [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}`,
	`{"task": "stage.note", "kwargs": {"é": 1, "a b": 2, "": 3}}`,
	`{}`, `{"uuid": "only"}`, `{"self_check": true}`,
}

// broken are texts that begin as JSON does.
var broken = []string{
	`{"task": "stage.note"`, `{'task': 'stage.note'}`, `{"task": "stage.note",}`, `"half`, `[1, `,
	`{"task": "stage.note", "args": ["a	tab"]}`, `{"task": "stage.note", "args": [01]}`, `{"task": "stage.note"} {}`,
}

func (g *generator) text() []step {
	one := step{Via: g.via(), Texts: []string{pick(g, texts...)}}
	if g.IntN(16) == 0 {
		deep := strings.Repeat("[", 3500) + strings.Repeat("]", 3500)
		return []step{{Via: one.Via, By: "nesting", Texts: []string{`{"task": "stage.note", "args": [` + deep + `]}`}}}
	}
	if g.IntN(6) == 0 {
		return []step{{Via: one.Via, By: "broken JSON", Texts: []string{pick(g, broken...)}}}
	}
	if overPostgres(one.Via) && g.IntN(8) == 0 {
		one.Texts[0] = pick(g, "", " ", "\n")
	}
	return []step{one}
}

// followers are what runs behind a task, or instead of it.
var followers = []string{
	`{"task": "stage.note", "args": ["%s"]}`,
	`{"task": "stage.note", "args": ["%s"], "uuid": "its own"}`,
	`{"task": "stage.fail", "args": ["ValueError('%s')"]}`,
	`{"task": "stage.nothing", "args": ["%s"]}`,
	`{"task": "stage.act", "args": ["%s"]}`,
	`{"task": "stage.bound", "args": ["%s"]}`,
	`{"task": "stage.fail", "args": ["DispatcherExit('%s')"]}`,
	`{"task": "stage.fail", "args": ["ValueError('%s')"], "errbacks": [{"task": "stage.note", "args": ["inner"]}]}`,
	`{"task": "stage.note", "args": ["%s"], "callbacks": [{"task": "stage.note", "args": ["inner"]}]}`,
}

// follow is a task with callbacks and errbacks.
func (g *generator) follow() []step {
	list := func(key string) string {
		var all []string
		for i := range g.IntN(3) {
			all = append(all, fmt.Sprintf(pick(g, followers...), fmt.Sprintf("%s %d", key, i)))
		}
		return fmt.Sprintf("%q: [%s]", key, strings.Join(all, ", "))
	}
	first := pick(g, `"task": "stage.note"`, `"task": "stage.fail", "args": ["ValueError('x')"]`, `"task": "stage.fail", "args": ["DispatcherExit('x')"]`,
		`"task": "stage.act"`, `"task": "stage.nothing"`)
	if g.IntN(12) == 0 {
		odd := fmt.Sprintf("%q: %s", pick(g, "callbacks", "errbacks"), pick(g, "5", `"text"`, "[5]", `["x"]`, "true"))
		return []step{{Via: g.via(), By: "odd followers", Texts: []string{with(`"task": "stage.fail", "args": ["ValueError('x')"]`, fmt.Sprintf(`"uuid": %q`, g.uuid()), odd)}}}
	}
	return []step{{Via: g.via(), Texts: []string{with(first, fmt.Sprintf(`"uuid": %q`, g.uuid()), list("callbacks"), list("errbacks"))}}}
}

// delay is a task, or a request, that waits: until it is cancelled, or for a moment. It equals only those of
// its own mode, so that none is judged again when it fires.
func (g *generator) delay() []step {
	delay := pick(g, `"delay": 3600`, `"delay": 3600`, `"delay": 5000.5`, `"delay": 0.2`, `"delay": 0.3`)
	what := fmt.Sprintf(`"task": %q, %s`, g.role(), `"uuid": "`+g.uuid()+`"`)
	if g.IntN(4) == 0 {
		what = fmt.Sprintf(`"control": %q, "reply_to": "replies", "uuid": %q`, pick(g, "alive", "nothing", "set_log_level"), g.uuid())
	}
	mode := pick(g, "parallel", "serial", "discard")
	return []step{{Via: g.via(), Texts: []string{with(what, fmt.Sprintf(`"args": ["later", %q], "on_duplicate": %q`, mode, mode), delay)}}}
}

// timeout is tasks whose time is over while they wait for an order.
func (g *generator) timeout() []step {
	var all []string
	for range 1 + g.IntN(2) {
		all = append(all, with(`"task": "stage.act"`, fmt.Sprintf(`"uuid": %q`, g.uuid()), pick(g, `"timeout": 1.5`, `"timeout": 2`, `"timeout": true`)))
	}
	return []step{{Via: g.via(), Texts: all}}
}

// chunks is a message in parts, which come in any order, over one way or two, and sometimes again.
func (g *generator) chunks() []step {
	g.parts++
	id := fmt.Sprintf("message %d", g.parts)
	whole := with(`"task": "stage.note"`, fmt.Sprintf(`"uuid": %q`, g.uuid()), `"args": ["é\"\\ \ud83d\ude00"]`)
	if g.IntN(5) == 0 {
		whole = pick(g, `[1]`, `5`, `{"task": `, `{"control": "alive"}`, `{"__dispatcherd_chunk__": "v1", "task": "stage.note", "uuid": "like a chunk"}`)
	}
	pieces := g.cutUp(whole, 2+g.IntN(4))
	var all []string
	for i, p := range pieces {
		all = append(all, part(id, i, len(pieces), p))
	}
	g.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	switch {
	case g.config.Chunks > 0:
	case g.IntN(4) == 0:
		all = append(all[:1], all...) // one twice
	case g.IntN(6) == 0:
		all = append(all, all[0]) // one once more, behind the whole
	case g.IntN(6) == 0:
		return []step{{Via: g.via(), Texts: all}, {Via: g.via(), By: "repeat", Texts: all}}
	case g.IntN(6) == 0:
		all = all[:len(all)-1]
	}
	cut := g.IntN(len(all) + 1)
	if cut == 0 || cut == len(all) || g.config.Chunks > 0 {
		return []step{{Via: g.via(), Texts: all}}
	}
	return []step{{Via: g.via(), Texts: all[:cut]}, {Via: g.via(), Texts: all[cut:]}}
}

// envelope is parts that are none, or belong to nothing.
func (g *generator) envelope() []step {
	g.parts++
	id := fmt.Sprintf("message %d", g.parts)
	note := g.simple("stage.note")
	all := pick(g,
		[]string{strings.Replace(part(id, 0, 1, note), `"v1"`, pick(g, `"v2"`, `1`, `null`, `true`), 1)},
		[]string{part(id, pick(g, "1.0", `"0"`, "null", "[]"), 2, note)},
		[]string{part(id, 0, pick(g, "1.0", `"1"`, "null", "{}"), note)},
		[]string{part(id, "false", "true", note)},
		[]string{part(id, 0, pick(g, 0, -1), note)},
		[]string{strings.Replace(part(id, 0, 1, note), fmt.Sprintf("%q", id), pick(g, "5", "null", "[]"), 1)},
		[]string{strings.Replace(part(id, 0, 1, "x"), `"x"`, pick(g, "5", "null", "[]"), 1)},
		[]string{strings.Replace(part(id, 0, 1, "x"), `,"payload":"x"`, "", 1)},
		[]string{part(id, 0, 3, note), part(id, 0, 1, note)},
		[]string{part(id, -1, 1, "x"), part(id, 7, 2, "x"), part(id, 0, 1, note)},
		[]string{part(id, 0, 2, "lost"), part(id, 0, 2, note[:9]), part(id, 1, 2, note[9:])},
		[]string{part(id, 0, 1, "")},
	)
	if g.config.Chunks > 0 && g.IntN(4) == 0 {
		return []step{{Via: g.via(), By: "long integer", Texts: []string{part(id, pick(g, "0", "12345678901234567890"), "12345678901234567890", note)}}}
	}
	return []step{{Via: g.via(), Texts: all}}
}

// line is bytes on a connection that ends with them.
func (g *generator) line() []step {
	note := g.simple("stage.note")
	alive := `{"control": "alive", "reply_to": "x"}`
	return []step{pick(g,
		step{Texts: []string{note + "\n" + alive}},
		step{Texts: []string{note + "\r\n" + alive + "\r\n"}},
		step{Texts: []string{alive + "\n" + note + "\n" + alive + "\n" + `{"control": "nothing", "reply_to": "x"}` + "\n"}},
		step{By: "blank", Texts: []string{"\n" + alive + "\n"}},
		step{By: "blank", Texts: []string{"  \n"}},
		step{By: "no text", Texts: []string{"\n"[:0] + alive + "\n\xff\xfe\n"}},
		step{By: "long", Texts: []string{alive + "\n" + strings.TrimSuffix(note, "}") + `, "pad": "` + strings.Repeat("x", 70000) + "\"}\n"}},
		step{By: "cut short", Texts: []string{note[:len(note)-5]}},
		step{},
	)}
}

// poison is what takes the original's listener down.
func (g *generator) poison() []step {
	one := pick(g,
		step{By: "module", Texts: []string{`{"control": "` + pick(g, "logging", "asyncio", "io") + `", "reply_to": "replies"}`}},
		step{By: "raises", Texts: []string{pick(g, `{"control": "aio_tasks", "control_data": {"limit": "x"}, "reply_to": "replies"}`, `{"control": "set_log_level", "control_data": 5}`)}},
		step{By: "no name", Texts: []string{`{"control": ` + pick(g, "5", "null", "[]") + `}`}},
		step{By: "long reply_to", Texts: []string{`{"control": "alive", "reply_to": "` + strings.Repeat("r", 64) + `"}`}},
		step{By: "no object", Where: "listed", Texts: []string{`{"control": "running", "control_data": ` + pick(g, "5", `"x"`, "[1]") + `}`}},
	)
	one.Via = pick(g, "low", "High-1")
	return []step{one}
}
