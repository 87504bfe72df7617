package differential

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"dispatcherd/daemon/message"
)

// generator makes a script from a seed.
type generator struct {
	*rand.Rand
	config configuration
	uuids  int
	parts  int // messages in parts
}

// kind is a kind of steps: how often it comes, and one of it.
type kind struct {
	name   string
	weight int
	make   func(*generator) []step
}

// kinds are all kinds of steps of an ordinary script. README.md says what each of them reaches.
func kinds() []kind {
	return []kind{
		{"task", 30, (*generator).task},
		{"burst", 5, (*generator).burst},
		{"order", 26, (*generator).order},
		{"key", 10, (*generator).key},
		{"name", 5, (*generator).name},
		{"text", 6, (*generator).text},
		{"follow", 6, (*generator).follow},
		{"delay", 4, (*generator).delay},
		{"timeout", 1, (*generator).timeout},
		{"ask", 12, (*generator).ask},
		{"run", 4, (*generator).run},
		{"cancel", 12, (*generator).cancel},
		{"row", 2, (*generator).row},
		{"rejudge", 2, (*generator).rejudge},
		{"chunks", 6, (*generator).chunks},
		{"envelope", 5, (*generator).envelope},
		{"kill", 2, (*generator).kill},
		{"poison", 1, (*generator).poison},
		{"cut", 1, (*generator).cut},
		{"line", 4, (*generator).line},
		{"unheard", 1, (*generator).unheard},
		{"size", 2, (*generator).size},
		{"ctl", 1, (*generator).ctl},
		{"page", 7, (*generator).page},
		{"twin", 2, (*generator).twin},
		{"both", 2, (*generator).both},
		{"fatal", 2, (*generator).fatal},
	}
}

// generate makes the script of a seed: the first digit says what kind of service it is for.
func generate(seed uint64, steps int) script {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 7))}
	switch seed % 10 {
	case 7: // the pool grows and shrinks
		g.config = configuration{Min: 1, Max: 3, Wait: 0.2, Watched: true, Control: true}
	case 8:
		return g.solo(seed / 10)
	case 9:
		g.config = configuration{Min: 1, Max: 1, Schedule: true}
		return script{g.config, []step{{Kind: "schedule"}}}
	case 6: // messages in parts expire
		g.config = configuration{Min: 1, Max: 1, Chunks: 2, Idle: 0.1, Watched: true, Control: true}
	default:
		g.config = configuration{Min: 1 + g.IntN(3), Watched: g.IntN(4) > 0, Control: g.IntN(4) > 0}
		g.config.Max = g.config.Min
	}
	g.config.Page = g.IntN(3) > 0
	g.config.Interrupted = g.IntN(3) == 0
	g.config.Manager = pick(g, "", "", "ForkServerManager", "SpawnServerManager", "SpawnServerManager")
	s := script{Config: g.config}
	all := kinds()
	for len(s.Steps) < steps {
		s.Steps = append(s.Steps, g.one(all)...)
	}
	s.Config.Connected = g.IntN(3) == 0
	return s
}

// solo is the script of a service that never comes to rest: its workers become too old, with their tasks
// or without, or it checks its connection to Postgres. One is silent on the page of metrics, which takes
// five seconds each time.
func (g *generator) solo(which uint64) script {
	old := configuration{Min: 1, Max: 1, Lifetime: 2, Watched: true, Control: true}
	act := []string{g.simple("stage.act")}
	switch which % 4 {
	case 1:
		return script{old, []step{{Kind: "age", Via: "socket", Texts: act}}}
	case 2:
		return script{configuration{Min: 1, Max: 1, Check: 0.5}, []step{{Kind: "check", Via: "low", Texts: act}}}
	case 3:
		return script{configuration{Min: 1, Max: 1, Page: true}, []step{
			{Kind: "page", By: "silent", Texts: []string{""}},
			{Kind: "page", By: "silent", Texts: []string{"GET /metrics HTTP/1.1\r\nHost"}},
			{Kind: "page", Texts: []string{pages[0].request}},
		}}
	}
	return script{old, []step{{Kind: "retire", Via: "socket", Texts: act}}}
}

// one makes the next step, and what belongs to it.
func (g *generator) one(all []kind) []step {
	total := 0
	for _, k := range all {
		total += k.weight
	}
	n := g.IntN(total)
	for _, k := range all {
		if n -= k.weight; n < 0 {
			steps := k.make(g)
			for i := range steps {
				steps[i].Kind = cmp.Or(steps[i].Kind, k.name)
			}
			return steps
		}
	}
	panic("unreachable: n is below the sum of the weights")
}

func pick[T any](g *generator, all ...T) T { return all[g.IntN(len(all))] }

// via is a way to the service.
func (g *generator) via() string {
	return pick(g, "socket", "socket", "socket 2", "low", "low", "High-1")
}

func (g *generator) uuid() string {
	g.uuids++
	return fmt.Sprintf("u%d", g.uuids)
}

// with writes a message of the members that are not empty.
func with(members ...string) string { return "{" + joined(members...) + "}" }

func joined(members ...string) string {
	return strings.Join(slices.DeleteFunc(members, func(m string) bool { return m == "" }), ", ")
}

// simple is a message that equals no other.
func (g *generator) simple(task string) string {
	uuid := g.uuid()
	return with(fmt.Sprintf(`"task": %q`, task), fmt.Sprintf(`"uuid": %q`, uuid), fmt.Sprintf(`"args": [%q]`, uuid))
}

// role is a task that stays until it is told to go.
func (g *generator) role() string {
	return pick(g, "stage.act", "stage.act", "stage.act", "stage.bound", "stage.bound", "stage.Actor", "stage.plain", "stage.House.act")
}

// arguments are few, so that tasks are often the same, or the same to Python.
func (g *generator) arguments() string {
	return joined(pick(g, "", `"args": []`, `"args": [1]`, `"args": [1.0]`, `"args": [true]`, `"args": [2]`, `"args": [null, {"b": 1, "a": [2]}]`, `"args": [null, {"a": [2.0], "b": 1}]`),
		pick(g, "", "", "", `"kwargs": {}`, `"kwargs": {"k": 1}`, `"kwargs": {"k": true, "l": 0}`, `"kwargs": {"l": false, "k": 1}`))
}

func (g *generator) mode() string {
	return pick(g, "", "", "", `"on_duplicate": "parallel"`, `"on_duplicate": "serial"`, `"on_duplicate": "serial"`,
		`"on_duplicate": "discard"`, `"on_duplicate": "discard"`, `"on_duplicate": "queue_one"`, `"on_duplicate": "queue_one"`)
}

// task is one message with what messages usually have.
func (g *generator) task() []step {
	name := g.role()
	if g.IntN(6) == 0 {
		name = pick(g, "stage.note", "stage.strict", "stage.fail")
	}
	label := fmt.Sprintf(`"uuid": %q`, g.uuid())
	if g.IntN(12) == 0 {
		label = ""
	}
	return []step{{Via: g.via(), Texts: []string{with(fmt.Sprintf(`"task": %q`, name), label, g.arguments(), g.mode(),
		pick(g, "", "", `"time_pub": 1700000000.25`), pick(g, "", "", "", `"guid": "g-1"`, `"shelf": {"b": [1, 2.50], "a": null}`))}}}
}

// burst is several messages that are sent together, none of which has another judged again.
func (g *generator) burst() []step {
	mode := pick(g, "", `"on_duplicate": "serial"`)
	name, arguments := g.role(), g.arguments()
	if g.config.Wait > 0 && name == "stage.House.act" {
		name = "stage.act" // that one fails at once, and how far the pool grows for it is chance
	}
	var texts []string
	for range 2 + g.IntN(4) {
		if mode == "" {
			arguments = g.arguments()
		}
		texts = append(texts, with(fmt.Sprintf(`"task": %q`, name), fmt.Sprintf(`"uuid": %q`, g.uuid()), arguments, mode))
	}
	return []step{{Via: g.via(), Texts: texts}}
}

// order has an actor do something.
func (g *generator) order() []step {
	usual := []string{"None", "'done'", "7"}
	order := fmt.Sprintf(`{"do": "return", "value": %q}`, pick(g, usual...))
	if g.IntN(3) == 0 {
		order = pick(g, orders...)
	}
	one := step{Pick: g.IntN(6), Order: order}
	for _, by := range []string{"DispatcherCancel()", "SystemExit", "KeyboardInterrupt", "upset post_task", `"logging"`, `"True"`, `"1.5"`, `"(1, 2)"`, "2.5"} {
		if strings.Contains(one.Order, by) {
			one.By = by
		}
	}
	if strings.Contains(one.Order, "withstand") {
		return []step{one, {Kind: "cancel", Via: g.via(), Where: "worker", Pick: one.Pick, Filter: "uuid", Replies: 1}}
	}
	return []step{one}
}

// orders are what an actor may do beside returning something ordinary.
var orders = []string{
	`{"do": "return", "value": "True"}`,
	`{"do": "return", "value": "1.5"}`,
	`{"do": "return", "value": "(1, 2)"}`,
	`{"do": "return", "value": "b'bytes'"}`,
	`{"do": "return", "value": "{'a': [1, None, 0.5]}"}`,
	`{"do": "return", "value": "[1, 'x', {'y': (1,)}]"}`,
	`{"do": "return", "value": "{1}"}`,
	`{"do": "return", "value": "type('S', (str,), {})('a subclass')"}`,
	`{"do": "return", "value": "10 ** 40"}`,
	`{"do": "return", "value": "'<cancel>'"}`,
	`{"do": "return", "value": "[float('nan'), float('inf')]"}`,
	`{"do": "return", "value": "'\\ud800'"}`,
	`{"do": "fail", "error": "ValueError('x')"}`,
	`{"do": "fail", "error": "DispatcherCancel()"}`,
	`{"do": "fail", "error": "DispatcherExit()"}`,
	`{"do": "fail", "error": "DispatcherExit([1])"}`,
	`{"do": "fail", "error": "DispatcherExit(2.5)"}`,
	`{"do": "fail", "error": "SystemExit(3)"}`,
	`{"do": "fail", "error": "KeyboardInterrupt()"}`,
	`{"do": "die", "number": 9}`,
	`{"do": "die", "number": 15}`,
	`{"do": "die", "number": 2}`,
	`{"do": "leave", "code": 0}`,
	`{"do": "leave", "code": 3}`,
	`{"do": "withstand", "how": "ignore"}`,
	`{"do": "withstand", "how": "ValueError('late')"}`,
	`{"do": "withstand", "how": "DispatcherExit('late')"}`,
	`{"do": "handle", "number": 15, "error": null}`,
	`{"do": "handle", "number": 2, "error": "DispatcherExit('handled')"}`,
	`{"do": "return", "value": "'upset post_task'"}`,
	`{"do": "control", "command": "alive", "data": null}`,
	`{"do": "control", "command": "running", "data": {"task": "stage.bound"}}`,
	`{"do": "control", "command": "running", "data": {"uuid": "u1"}}`,
	`{"do": "control", "command": "nothing", "data": null}`,
	`{"do": "control", "command": "_find_tasks", "data": null}`,
	`{"do": "control", "command": "logging", "data": null}`,
	`{"do": "control", "command": "set_log_level", "data": {"level": "info"}}`,
	`{"do": "control", "command": "cancel", "data": {"uuid": "nobody's"}}`,
	`{"do": "control", "command": "run", "data": {"task": "stage.note", "uuid": "from a task"}}`,
}

// kill sends a worker a signal from outside.
func (g *generator) kill() []step {
	if g.IntN(2) == 0 {
		signal := pick(g, 9, 9, 10) // which is that of a cancel, and nothing to an idle worker
		if g.config.Idle > 0 {      // it notices what else there is
			signal = pick(g, 9, 15, 2)
		}
		return []step{{Where: "idle", Pick: g.IntN(3), Signal: signal}}
	}
	return []step{{Where: "busy", Pick: g.IntN(3), Signal: pick(g, 9, 15, 2)}}
}

func (g *generator) cut() []step { return []step{{}} }

// unheard goes to a channel that nobody listens to.
func (g *generator) unheard() []step {
	return []step{{Via: "low", Texts: []string{g.simple("stage.note")}}}
}

// size is a message of a size at which something changes: 7999 bytes go over Postgres, and 1024 over
// the socket, as a client sends them.
func (g *generator) size() []step {
	text := g.simple("stage.note")
	via, most := g.via(), 65000
	if overPostgres(via) {
		most = 7999
	}
	size := min(most, pick(g, 1023, 1024, 1025, 7999, 60000))
	pad := strings.Repeat("x", size-len(text)-len(`, "pad": ""`))
	return []step{{Via: via, Texts: []string{strings.TrimSuffix(text, "}") + `, "pad": "` + pad + `"}`}}}
}

// ctl is what a person says on the command line.
func (g *generator) ctl() []step {
	return []step{pick(g,
		step{Texts: []string{"alive"}},
		step{Texts: []string{"running"}, Where: pick(g, "queued", "blocked", "delayed")},
		step{Texts: []string{"cancel"}, Where: pick(g, "queued", "delayed")},
		step{Texts: []string{"set_log_level", "--level", "INFO"}},
		step{Texts: []string{"metrics"}},
		step{Texts: []string{"nothing"}},
	)}
}

// cutUp takes a text into so many pieces, of characters.
func (g *generator) cutUp(text string, pieces int) (all []string) {
	runes := []rune(text)
	for i := range pieces {
		end := len(runes) / (pieces - i)
		if i < pieces-1 && end > 1 {
			end = 1 + g.IntN(2*end-1)
			end = min(end, len(runes))
		}
		all = append(all, string(runes[:end]))
		runes = runes[end:]
	}
	return all
}

// part is one part of a message.
func part(id string, index, total any, payload string) string {
	return fmt.Sprintf(`{"__dispatcherd_chunk__":"v1","message_id":%q,"index":%v,"total":%v,"payload":%s}`, id, index, total, message.Encode(payload))
}
