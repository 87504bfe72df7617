package original

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

const (
	// maxDepth bounds how deep values may stand inside each other.
	maxDepth = 64
	// maxValues bounds what a file may come to when its aliases are written out: a
	// kilobyte can name a billion values.
	maxValues = 100_000
)

var tooDeep = fmt.Sprintf("must have at most %d values inside each other", maxDepth)

// builder makes a tree of what the library has read.
type builder struct {
	problems []Remark
	anchored map[*yaml.Node]*node
	open     map[*yaml.Node]bool // being built
	merged   int                 // keys that << has brought
}

func (b *builder) problem(line int, key, text, got string) *node {
	b.problems = append(b.problems, Remark{Line: line, Key: key, Text: text, Got: got})
	return &node{line: line, size: 1}
}

// build returns the value that is found under a key. Of a problem, null is left.
func (b *builder) build(y *yaml.Node, key string, depth int) *node {
	switch {
	case depth > maxDepth:
		return b.problem(y.Line, key, tooDeep, "")
	case y.Kind == yaml.AliasNode:
		return b.alias(y, key, depth)
	case y.Anchor == "":
		return b.value(y, key, depth)
	}
	b.open[y] = true
	n := b.value(y, key, depth)
	delete(b.open, y)
	b.anchored[y] = n
	return n
}

// alias returns what an anchor names, without a copy of it.
func (b *builder) alias(y *yaml.Node, key string, depth int) *node {
	if b.open[y.Alias] {
		return b.problem(y.Line, key, "must not hold itself", "")
	}
	n := b.anchored[y.Alias]
	if n == nil { // an anchor on a key, which is not built
		return b.value(y.Alias, key, depth)
	}
	if depth+n.height > maxDepth {
		return b.problem(y.Line, key, tooDeep, "")
	}
	return n
}

func (b *builder) value(y *yaml.Node, key string, depth int) *node {
	n := &node{line: y.Line, size: 1}
	switch y.Kind {
	case yaml.SequenceNode:
		n.kind = list
		b.tag(y, key, "!!seq")
		for i, item := range y.Content {
			b.grow(n, b.build(item, Element(key, i), depth+1), key)
			if n.size > maxValues {
				return n
			}
		}
	case yaml.MappingNode:
		n.kind = mapping
		b.tag(y, key, "!!map")
		b.fill(n, y, key, depth)
	default:
		var err error
		n.scalar, err = word(y)
		switch {
		case errors.Is(err, errNotJSON):
			n.scalar = notJSON{err}
		case err != nil:
			return b.problem(y.Line, key, err.Error(), "")
		}
	}
	return n
}

// grow appends an item to a list, and counts what is in it.
func (b *builder) grow(n, item *node, key string) {
	n.items = append(n.items, item)
	b.count(n, item, key)
}

func (b *builder) count(n, part *node, key string) {
	if n.size <= maxValues && part.size <= maxValues && n.size+part.size > maxValues {
		b.problem(n.line, key, fmt.Sprintf("must come to at most %d values, with its aliases written out", maxValues), "more")
	}
	n.size = min(n.size+part.size, maxValues+1)
	n.height = max(n.height, part.height+1)
}

// fill puts the entries into a mapping. What << brings stands before them, and they take
// its place where a key is the same.
func (b *builder) fill(n *node, y *yaml.Node, key string, depth int) {
	at := map[string]int{}
	own := map[string]int{} // lines
	for i := 0; i+1 < len(y.Content) && n.size <= maxValues; i += 2 {
		if name := y.Content[i]; isMerge(name) {
			b.merge(n, at, y.Content[i+1], Join(key, "<<"), depth)
		}
	}
	for i := 0; i+1 < len(y.Content) && n.size <= maxValues; i += 2 {
		name := y.Content[i]
		if isMerge(name) {
			continue
		}
		text, err := keyText(name)
		if err != nil {
			b.problem(name.Line, key, err.Error(), "")
			continue
		}
		if line, twice := own[text]; twice {
			b.problem(name.Line, Join(key, text), fmt.Sprintf("must be given once, and is there in line %d", line), "")
			continue
		}
		own[text] = name.Line
		b.put(n, at, entry{text, name.Line, b.build(y.Content[i+1], Join(key, text), depth+1)}, key)
	}
}

func (b *builder) put(n *node, at map[string]int, e entry, key string) {
	if i, ok := at[e.key]; ok {
		n.entries[i] = e
		return
	}
	at[e.key] = len(n.entries)
	n.entries = append(n.entries, e)
	b.count(n, e.value, key)
}

// merge brings the entries of one mapping, or of several of which the first counts most.
func (b *builder) merge(n *node, at map[string]int, y *yaml.Node, key string, depth int) {
	from := b.build(y, key, depth+1)
	sources := []*node{from}
	if from.kind == list {
		sources = from.items
	}
	for _, source := range sources {
		if source.kind != mapping {
			b.problem(y.Line, key, "must be a mapping, or a list of mappings", source.typeName())
			return
		}
		for _, e := range source.entries {
			if b.merged++; b.merged > maxValues {
				b.problem(y.Line, key, fmt.Sprintf("must bring at most %d keys in all", maxValues), "more")
				n.size = maxValues + 1
				return
			}
			if _, ok := at[e.key]; !ok {
				b.put(n, at, e, key)
			}
		}
	}
}

func isMerge(y *yaml.Node) bool {
	return y.Kind == yaml.ScalarNode && y.Style&^yaml.TaggedStyle == 0 && y.Value == "<<"
}

var errTag = errors.New("must have no tag but !!str, !!int, !!float, !!bool, !!null, !!seq or !!map, and be quoted where it begins with an exclamation mark")

// tag refuses a tag that makes something else of a list or a mapping.
func (b *builder) tag(y *yaml.Node, key, want string) {
	if y.Style&yaml.TaggedStyle != 0 && y.ShortTag() != want {
		b.problem(y.Line, key, errTag.Error(), "")
	}
}

// word returns the value of a scalar.
func word(y *yaml.Node) (any, error) {
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	if y.Style&yaml.TaggedStyle == 0 {
		if y.Style&quoted != 0 {
			return y.Value, nil
		}
		return plainWord(y.Value)
	}
	v, err := plainWord(y.Value)
	switch tag := y.ShortTag(); tag {
	case "!!str":
		return y.Value, nil
	case "!!int", "!!float", "!!bool", "!!null":
		if f, ok := v.(int64); ok && tag == "!!float" {
			v = float64(f)
		}
		if err == nil && tag != tagOf(v) {
			err = fmt.Errorf("must be what its tag %s says", tag)
		}
		return v, err
	default:
		return nil, errTag // not shown: it may be a password that begins with !
	}
}

func tagOf(v any) string {
	switch v.(type) {
	case nil:
		return "!!null"
	case bool:
		return "!!bool"
	case int64:
		return "!!int"
	case float64:
		return "!!float"
	}
	return "!!str"
}

// keyText returns a key as JSON has it, in which all are strings.
func keyText(y *yaml.Node) (string, error) {
	if y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	if y.Kind != yaml.ScalarNode {
		return "", errors.New("must have words for keys, not lists or mappings")
	}
	v, err := word(y)
	if errors.Is(err, errNotJSON) {
		return y.Value, nil
	}
	if err != nil {
		return "", err
	}
	if s, ok := v.(string); ok {
		return s, nil
	}
	return string((&node{scalar: v}).appendJSON(nil)), nil
}
