package message

import (
	"fmt"
	"strings"
	"testing"
)

func TestKeyFollowsPythonEquality(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{`{}`, `{"task": null, "args": null, "kwargs": null}`, true},
		{`{}`, `{"args": []}`, false},
		{`{"args": null}`, `{"kwargs": null}`, true},
		{`{"args": []}`, `{"kwargs": []}`, false},
		{`{"task": "a", "uuid": "1", "timeout": 3}`, `{"channel": 5, "task": "a"}`, true},
		{`{"task": "a"}`, `{"task": "A"}`, false},
		{`{"task": 1}`, `{"task": true}`, true},
		{`{"args": [1, 2]}`, `{"args": [2, 1]}`, false},
		{`{"args": [[1], 2]}`, `{"args": [[1, 2]]}`, false},
		{`{"args": ["ab", "c"]}`, `{"args": ["a", "bc"]}`, false},
		{`{"args": [1, 1]}`, `{"args": [11]}`, false},
		{`{"args": ["1"]}`, `{"args": [1]}`, false},
		{`{"args": [null]}`, `{"args": [false]}`, false},
		{`{"args": [[]]}`, `{"args": [{}]}`, false},
		{`{"kwargs": {"a": 1, "b": {"c": 1, "d": [true]}}}`, `{"kwargs": {"b": {"d": [1.0], "c": 1}, "a": 1}}`, true},
		{`{"kwargs": {"a": 1, "b": 2}}`, `{"kwargs": {"a": 2, "b": 1}}`, false},
		{`{"kwargs": {"a": 1, "b": 2, "a": 3}}`, `{"kwargs": {"a": 3, "b": 2}}`, true},
		{`{"kwargs": {"a": 3, "b": 2, "a": 1}}`, `{"kwargs": {"a": 3, "b": 2}}`, false},
		{`{"kwargs": {"a": 1, "\u0061": 2}}`, `{"kwargs": {"a": 2}}`, true},
		{`{"kwargs": {"a": {"}": 1}}}`, `{"kwargs": {"a": {}, "}": 1}}`, false},
		{`{"kwargs": {"1": 1}}`, `{"kwargs": {"1": 1.0}}`, true},
		{`{"args": [NaN]}`, `{"args": [NaN]}`, false},
		{`{"args": [1` + strings.Repeat("0", 40) + `]}`, `{"args": [1e40]}`, false},
	} {
		if got := keyOfText(t, tt.a) == keyOfText(t, tt.b); got != tt.same {
			t.Errorf("keys of %s and %s equal: %t, want %t", tt.a, tt.b, got, tt.same)
		}
	}
}

// Objects that are large enough to be folded must still be equal in any order of their keys.
func TestKeyOfLargeObjects(t *testing.T) {
	t.Parallel()
	object := func(from, to, step int, last string) string {
		var b strings.Builder
		for i := from; i != to; i += step {
			fmt.Fprintf(&b, `"key%d": {"b": [%d], "a": "%040d"}, `, i, i, i)
		}
		return `{"kwargs": {` + b.String() + `"last": ` + last + `}}`
	}
	up, down := object(0, 1000, 1, "1"), object(999, -1, -1, "1.0")
	if keyOfText(t, up) != keyOfText(t, down) {
		t.Error("the order of keys makes a difference")
	}
	if keyOfText(t, up) == keyOfText(t, object(0, 1000, 1, "2")) {
		t.Error("a different last member makes no difference")
	}
	if keyOfText(t, up) == keyOfText(t, object(1, 1000, 1, "1")) {
		t.Error("a missing first member makes no difference")
	}
}

// These would take minutes, or all memory, if numbers were built in full or if deep objects were put in order naively.
func TestKeyOfHostileInputIsCheap(t *testing.T) {
	t.Parallel()
	digits := strings.Repeat("7", 1<<20)
	deep := strings.Repeat(`{"b":0,"a":`, maxDepth-1) + `"` + strings.Repeat("x", 1<<20) + `"` + strings.Repeat("}", maxDepth-1)
	for name, texts := range map[string][2]string{
		"exponents":      {`[1e999999999999999999, -1e-999999999999999999]`, `[Infinity, 0]`},
		"digits":         {`[` + digits + `]`, `[ ` + digits + ` ]`},
		"fraction":       {`[0.5` + strings.Repeat("0", 1<<20) + `]`, `[5e-1]`},
		"float digits":   {`[` + digits + `.0]`, `[1e400]`},
		"deep, unsorted": {deep, strings.ReplaceAll(deep, `"b":0,`, `"b":false,`)},
	} {
		if keyOfText(t, `{"args": `+texts[0]+`}`) != keyOfText(t, `{"args": `+texts[1]+`}`) {
			t.Errorf("%s: keys differ", name)
		}
	}
	if keyOfText(t, `{"args": [`+digits+`]}`) == keyOfText(t, `{"args": [`+digits+`0]}`) {
		t.Error("one more digit makes no difference")
	}
}
