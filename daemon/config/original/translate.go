package original

import (
	"fmt"
	"math"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// defaultCancelGrace is how long the original waits for a worker that is to stop.
const defaultCancelGrace = 30 * time.Second

// Place is where a key stands in the original's file.
type Place struct {
	Line int
	Key  string
}

// Translation is a file of the original in the terms of ours.
type Translation struct {
	// Tree is what a TOML file with the same meaning would hold.
	Tree map[string]any
	// Places are where the keys of Tree come from, by their full names.
	Places map[string]Place
	// Notes are about what has no effect or another meaning here.
	Notes []Remark
	// Problems are why the file cannot be used.
	Problems []Remark
	// RefuseRun is set where the file has no ControlProducer.
	RefuseRun bool

	root   *node           // nil where the text is no mapping at all
	broken map[string]bool // the keys of which something is wrong already
}

// Unreadable reports whether there is nothing but the problems.
func (t *Translation) Unreadable() bool { return t.root == nil }

// Translate reads the text of a file. Whatever is wrong with it is in Problems; then the
// rest is as complete as it can be.
func Translate(text []byte) *Translation {
	t := &Translation{Tree: map[string]any{}, Places: map[string]Place{}, RefuseRun: true, broken: map[string]bool{}}
	document, problem := parse(text)
	if problem != nil {
		t.Problems = append(t.Problems, *problem)
		return t
	}
	b := builder{anchored: map[*yaml.Node]*node{}, open: map[*yaml.Node]bool{}}
	root := b.build(document.Content[0], "", 0)
	t.Problems = b.problems
	for _, p := range b.problems {
		t.broken[p.Key] = true
	}
	switch {
	case root.kind != mapping:
		t.problem(field{line: root.line, node: root}, "must be a mapping that begins with version: 2", root.typeName())
	case root.size <= maxValues:
		t.root = root
		t.document()
	}
	return t
}

// field is a value with its place.
type field struct {
	key  string
	line int
	*node
}

// at returns the value of an entry.
func (f field) at(e entry) field { return field{Join(f.key, e.key), e.line, e.value} }

// item returns a value of a list.
func (f field) item(i int) field { return field{Element(f.key, i), f.items[i].line, f.items[i]} }

// handlers say what becomes of the keys of a section.
type handlers map[string]func(f field)

// document translates the whole file.
func (t *Translation) document() {
	root := field{node: t.root, line: t.root.line}
	for _, name := range append([]string{"dispatcherd"}, sections...) {
		if at := root.inner(name); at.node != nil {
			t.mustBeJSON(at)
		}
	}
	t.defaults()
	if root.entry("version") == nil {
		t.problem(field{key: "version"}, "must be given, as version: 2", "")
	}
	t.section(root, handlers{
		"version":     t.version,
		"brokers":     t.brokers,
		"producers":   t.producers,
		"service":     t.service,
		"publish":     t.publish,
		"worker":      t.worker,
		"dispatcherd": func(field) {}, // the last word, below
		"logging":     t.ignored("is ignored, as the original ignores it: the log goes to standard error, and --log-level sets its level"),
		"pool":        t.pool,
	}, "is ignored: it is no section of the original, which ignores it too")
	t.settle()
	if own := root.entry("dispatcherd"); own != nil {
		t.overlay(field{key: "dispatcherd", line: own.line, node: own})
	}
}

// defaults are what the original does where its file says nothing and ours would do
// otherwise.
func (t *Translation) defaults() {
	t.Tree["version"] = int64(2)
	t.Tree["pool"] = map[string]any{"cancel_grace": defaultCancelGrace.String(), "shutdown_grace": "0s"}
	t.Tree["worker"] = map[string]any{"tasks": "any", "credentials": true}
	t.Tree["control"] = map[string]any{"cancel_without_filter": true}
}

// mustBeJSON names the values in a section that a worker could not get.
func (t *Translation) mustBeJSON(f field) {
	if v, ok := f.scalar.(notJSON); ok {
		t.problem(f, v.why.Error(), "")
	}
	for i := range f.items {
		t.mustBeJSON(f.item(i))
	}
	for _, e := range f.entries {
		t.mustBeJSON(f.at(e))
	}
}

// section hands each key of a mapping to its handler, in the order of the file.
func (t *Translation) section(f field, known handlers, unknown string) {
	if f.kind != mapping {
		t.problem(f, "must be a mapping, or be left out", f.typeName())
		return
	}
	for _, e := range f.entries {
		inner := f.at(e)
		if handle, ok := known[e.key]; ok {
			handle(inner)
		} else {
			t.note(inner, unknown)
		}
	}
}

// problem names what is wrong with a key, once.
func (t *Translation) problem(f field, want, got string) {
	if t.broken[f.key] {
		return
	}
	t.broken[f.key] = true
	t.Problems = append(t.Problems, Remark{Line: f.line, Key: f.key, Text: want, Got: got})
}

func (t *Translation) note(f field, text string) {
	t.Notes = append(t.Notes, Remark{Line: f.line, Key: f.key, Text: text})
}

func (t *Translation) ignored(text string) func(field) {
	return func(f field) { t.note(f, text) }
}

func silently(field) {}

// set puts a value under a key of our file, and remembers what it comes from.
func (t *Translation) set(key string, value any, from field) {
	table, path := t.Tree, strings.Split(key, ".")
	for i, name := range path[:len(path)-1] {
		inner, ok := table[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			table[name] = inner
		}
		t.came(strings.Join(path[:i+1], "."), Place{from.line, Parent(from.key)})
		table = inner
	}
	table[path[len(path)-1]] = value
	t.Places[key] = Place{from.line, from.key}
}

// came remembers the first place of a table.
func (t *Translation) came(key string, p Place) {
	if _, ok := t.Places[key]; !ok {
		t.Places[key] = p
	}
}

// as returns a handler that takes a value as it is.
func (t *Translation) as(key string) func(field) {
	return func(f field) { t.set(key, f.plain(), f) }
}

// orDefault is as, where null means the default.
func (t *Translation) orDefault(key string) func(field) {
	return func(f field) {
		if !f.isNull() {
			t.set(key, f.plain(), f)
		}
	}
}

// seconds returns a handler for a number of seconds.
func (t *Translation) seconds(key string) func(field) {
	return func(f field) {
		if d, ok := t.duration(f); ok {
			t.set(key, d.String(), f)
		}
	}
}

// orOff is seconds, where null turns something off.
func (t *Translation) orOff(key string) func(field) {
	return func(f field) {
		if f.isNull() {
			t.set(key, "0s", f)
			return
		}
		t.seconds(key)(f)
	}
}

// maxSeconds is about what a time.Duration can hold, 285 years.
const maxSeconds = 9e9

// duration reads a number of seconds.
func (t *Translation) duration(f field) (time.Duration, bool) {
	v, ok := f.number()
	if !ok {
		t.problem(f, "must be a number of seconds", f.shown())
		return 0, false
	}
	if math.Abs(v) > maxSeconds {
		t.problem(f, fmt.Sprintf("must be at most %.0f seconds", maxSeconds), f.shown())
		return 0, false
	}
	return time.Duration(math.Round(v * float64(time.Second))), true
}

func (t *Translation) version(f field) {
	if v, ok := f.number(); !ok || v != 2 {
		t.problem(f, "must be 2, the only version of the original's configuration that is read", f.shown())
	}
	t.Places["version"] = Place{f.line, f.key}
}
