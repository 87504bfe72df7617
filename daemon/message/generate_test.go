package message

import (
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// numberClasses are spellings of numbers and bools, those that Python finds equal together.
var numberClasses = [][]string{
	{"1", "1.0", "true", "1e0", "10e-1", "1E+0", "1.00000000000000000000000000000001"},
	{"0", "-0", "0.0", "-0.0", "false", "0e999999999999999999999", "1e-400", "-1e-999999999999999999999"},
	{"-1", "-1.0", "-10E-1"},
	{"100", "1e2", "1E+2", "100.0"},
	{"0.1", "0.10", "1e-1", "0.1000000000000000055511151231257827"},
	{"0.5", "5e-1"},
	{"5e-324", "4.9406564584124654e-324"},
	{"9007199254740992", "9007199254740992.0", "9007199254740993.0"},
	{"9007199254740993"},
	{"9007199254740994", "9007199254740994.0", "9007199254740995.0"},
	{"-9007199254740993"},
	{"9223372036854775807"},
	{"9223372036854775808", "9223372036854775807.0", "9.223372036854775808e18"},
	{"18446744073709551616", "18446744073709551616.0"},
	{"1" + strings.Repeat("0", 22), "1e22"},
	{"1" + strings.Repeat("0", 23)},
	{"1e23", "99999999999999991611392"},
	{"1" + strings.Repeat("0", 40)},
	{"1e40", "10000000000000000303786028427003666890752", "1e+0040"},
	{"-1e40", "-10000000000000000303786028427003666890752"},
	{"1" + strings.Repeat("0", 400)},
	{"2" + strings.Repeat("0", 400)},
	{"1.7976931348623157e308"},
	{"Infinity", "1e400", "1e999999999999999999999", "1" + strings.Repeat("0", 400) + ".0"},
	{"-Infinity", "-1e400"},
}

// unequal are numbers that Python finds equal to nothing.
var unequal = []string{"NaN"}

// stringClasses are spellings of strings, equal ones together.
var stringClasses = [][]string{
	{`""`},
	{`"a"`, `"\u0061"`},
	{`"1"`, `"\u0031"`},
	{`"ab"`, `"\u0061b"`},
	{`"😀"`, `"\ud83d\ude00"`, `"\uD83D\uDE00"`},
	{`"\ud83d"`, `"\uD83d"`},
	{`"\ude00\ud83d"`},
	{`"\ud83d\ud83d\ude00"`, `"\ud83d😀"`},
	{`"\ud83d\u0041"`, `"\ud83dA"`},
	{`"\ue000"`, "\"\ue000\""},
	{`"\uffff"`, `"` + "\uffff" + `"`},
	{`"�"`, `"\ufffd"`},
	{`"/"`, `"\/"`, `"\u002f"`},
	{`"\\\""`, `"\u005c\u0022"`},
	{`"\b\f\n\r\t"`, `"\u0008\u000c\u000a\u000d\u0009"`},
	{`"\u0000"`},
	{`"\u007f"`, `"` + "\x7f" + `"`},
	{`"}"`}, {`"]"`}, {`","`}, {`":"`}, {`"n"`}, {`"{}"`},
	{`"é"`, `"\u00e9"`}, {`"e\u0301"`},
	{`"` + strings.Repeat("long ", 60) + `"`},
}

func spellings(classes [][]string) []string { return slices.Concat(classes...) }

// node is a JSON value that can be spelled in several ways.
type node struct {
	class   []string // of a leaf
	items   []node   // of a list
	keys    [][]string
	members []node // of an object
	kind    byte   // 'l'eaf, '[' or '{'
}

func drawNode(t *rapid.T, depth int) node {
	kinds := "lllllll[[{{{"
	if depth == 0 {
		kinds = "l"
	}
	n := node{kind: rapid.SampledFrom([]byte(kinds)).Draw(t, "kind")}
	switch n.kind {
	case '[':
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			n.items = append(n.items, drawNode(t, depth-1))
		}
	case '{':
		for range rapid.IntRange(0, 4).Draw(t, "members") {
			n.keys = append(n.keys, rapid.SampledFrom(stringClasses).Draw(t, "key"))
			n.members = append(n.members, drawNode(t, depth-1))
		}
	default:
		leaves := slices.Concat(numberClasses, stringClasses, [][]string{{"null"}, unequal})
		n.class = rapid.SampledFrom(leaves).Draw(t, "leaf")
	}
	return n
}

func space(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", "", " ", "\n", "\r", "\t", " \r\n\t"}).Draw(t, "space")
}

// render spells a value. Now and then an object's key is preceded by itself with another value.
func (n node) render(t *rapid.T) string {
	var parts []string
	switch n.kind {
	case '[':
		for _, item := range n.items {
			parts = append(parts, space(t)+item.render(t)+space(t))
		}
		return "[" + strings.Join(parts, ",") + space(t) + "]"
	case '{':
		for i, key := range n.keys {
			spelled := func() string {
				return space(t) + rapid.SampledFrom(key).Draw(t, "spelling") + space(t) + ":" + space(t)
			}
			if rapid.IntRange(0, 9).Draw(t, "twice") == 0 {
				parts = append(parts, spelled()+`[0]`)
			}
			parts = append(parts, spelled()+n.members[i].render(t)+space(t))
		}
		return "{" + strings.Join(parts, ",") + space(t) + "}"
	default:
		return rapid.SampledFrom(n.class).Draw(t, "spelling")
	}
}

// shuffled is an equal value, unless a key is there twice: its members are in another order.
func (n node) shuffled(t *rapid.T) node {
	other := node{kind: n.kind, class: n.class}
	for _, item := range n.items {
		other.items = append(other.items, item.shuffled(t))
	}
	order := make([]int, len(n.keys))
	for i := range order {
		order[i] = i
	}
	for _, i := range rapid.Permutation(order).Draw(t, "order") {
		other.keys = append(other.keys, n.keys[i])
		other.members = append(other.members, n.members[i].shuffled(t))
	}
	return other
}

var renderedText = rapid.Custom(func(t *rapid.T) string {
	return space(t) + drawNode(t, 3).render(t) + space(t)
})

// damage changes a text in a few places, so that it is often no JSON any more.
func damage(t *rapid.T, text string) string {
	bits := []string{
		"", "", "{", "}", "[", "]", ",", ":", `"`, `\`, "-", "+", ".", "e", "0", "1", "01", " ", "\x00", "\x1f", "\x7f", "\f", "\v", "\u00a0", "\ufeff",
		"'", "/", "//", `\u`, `\ud83d`, `\u12G4`, "nul", "null", "True", "nan", "NaN", "-NaN", "inf", "Infinity", "\xff", "\xed\xa0\xbd", "\xc0\x80", "é", "٣",
	}
	for range rapid.IntRange(1, 2).Draw(t, "damages") {
		at := rapid.IntRange(0, len(text)).Draw(t, "at")
		end := min(len(text), at+rapid.IntRange(0, 2).Draw(t, "length"))
		text = text[:at] + rapid.SampledFrom(bits).Draw(t, "bit") + text[end:]
	}
	return text
}

// messagePair is two messages that are often the same task.
func messagePair(t *rapid.T) (string, string) {
	draw := func(depth int) map[string]node {
		values := map[string]node{}
		for _, key := range []string{"task", "args", "kwargs"} {
			if rapid.IntRange(0, 3).Draw(t, "present") > 0 {
				values[key] = drawNode(t, depth)
			}
		}
		return values
	}
	render := func(values map[string]node) string {
		parts := []string{`"uuid": "` + rapid.SampledFrom([]string{"u", "v"}).Draw(t, "uuid") + `"`}
		for _, key := range []string{"task", "args", "kwargs"} {
			if n, ok := values[key]; ok {
				parts = append(parts, `"`+key+`":`+n.render(t))
			}
		}
		return "{" + strings.Join(rapid.Permutation(parts).Draw(t, "parts"), ",") + "}"
	}
	a := draw(2)
	b := map[string]node{}
	for key, n := range a {
		b[key] = n.shuffled(t)
	}
	if rapid.IntRange(0, 2).Draw(t, "change") == 0 {
		b = draw(1)
	}
	return render(a), render(b)
}
