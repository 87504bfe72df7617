package message

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What validTexts and brokenTexts are is also what Python says of them, see oracle_test.go.
var validTexts = []string{
	`null`, "\r\n\t true \r", `false`, `0`, `-0`, `12`, `-3.25e+2`, `1E5`, `NaN`, `Infinity`, `-Infinity`, `""`, `"\u00e9"`, `[]`, `[ ]`, `{}`, `{ }`,
	`[1,[2,[]],{"a":{}}]`, `{"a":1,"a":2}`, `{"a":{"a":1,"b":2},"\u0061":[NaN]}`, `{"A":1,"a":2}`, `["\ud800","\udc00","\ud800\ud800","\ud83d\ude00"]`,
	`"\ud83dx"`, `"\ud83d\n"`, `"\ud83d\\ude00"`, `{"":0}`, "\"\x7f\u0080\u2028\"", `123456789012345678901234567890`, `1e400`, `-1e-400`,
}

var brokenTexts = []string{
	``, ` `, `nul`, `nulll`, `True`, `None`, `nan`, `-NaN`, `+1`, `01`, `-01`, `1.`, `.5`, `-`, `--1`, `1e`, `1e+`, `1.e5`, `0x10`, `1_000`, `-Infinit`, `infinity`, `- 1`,
	`"`, `"a`, `"\"`, `"\`, `"\x41"`, `"\u12"`, `"\u12g4"`, `"\u+123"`, `"\ud83d\u"`, `"\ud83d\u12"`, "\"\n\"", "\"\x00\"", "\"\x1f\"", `'a'`,
	`[`, `]`, `[1`, `[1,`, `[1,]`, `[,1]`, `[1 2]`, `[1}`, `{`, `}`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{a:1}`, `{1:1}`, `{"a" 1}`, `{"a":1]`,
	`{"a":1 "b":2}`, `1 2`, `[] []`, `{}x`, "\ufeff{}", "\f{}", "\u00a0{}", `// c`, `{} // c`, "\xff", "\"\xff\"", "\"\xed\xa0\x80\"", "\"\xc0\x80\"", `lambda: 5`,
}

func TestDecodeTakesWhatPythonTakesAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, text := range validTexts {
		if _, err := Decode([]byte(text)); err != nil {
			t.Errorf("Decode(%q): %v", text, err)
		}
	}
	for _, text := range brokenTexts {
		if v, err := Decode([]byte(text)); err == nil {
			t.Errorf("Decode(%q) = %v, want an error", text, v)
		}
	}
}

func TestDecodeKeepsNumbersAndSurrogates(t *testing.T) {
	t.Parallel()
	text := ` {"n": [1, -0, 1.50, 1e400, NaN, -Infinity, 123456789012345678901234567890], "s": ["\ud83d\ude00", "\ud83d", "\u0041\n"],
		"o": {"a": 1, "b": null, "a": true}, "O": false}`
	want := map[string]any{
		"n": []any{Number("1"), Number("-0"), Number("1.50"), Number("1e400"), Number("NaN"), Number("-Infinity"), Number("123456789012345678901234567890")},
		"s": []any{"😀", "\xed\xa0\xbd", "A\n"},
		"o": map[string]any{"a": true, "b": nil},
		"O": false,
	}
	got, err := Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Decode(%q) (-want +got):\n%s", text, diff)
	}
}

func TestNestingIsBounded(t *testing.T) {
	t.Parallel()
	nested := func(n int) string {
		return strings.Repeat(`[{"a":`, n/2) + "0" + strings.Repeat("}]", n/2)
	}
	if _, err := Decode([]byte(nested(maxDepth))); err != nil {
		t.Errorf("Decode with %d levels: %v", maxDepth, err)
	}
	for _, text := range []string{nested(maxDepth + 2), strings.Repeat("[", 1e6), strings.Repeat(`{"a":`, 1e6)} {
		if _, err := Decode([]byte(text)); err == nil || !strings.Contains(err.Error(), "1000 deep") {
			t.Errorf("Decode of %.12s…: %v, want an error about the depth", text, err)
		}
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), "1000 deep") {
			t.Errorf("Parse of %.12s…: %v, want an error about the depth", text, err)
		}
	}
	args := nested(maxDepth - 2)
	m, err := Parse([]byte(`{"args": ` + args + `}`))
	if err != nil || string(m.Args()) != args {
		t.Errorf("Parse with args of %d levels: %v", maxDepth-2, err)
	}
}

func TestDecodeErrorsDoNotContainTheText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`hunter2`, `["hunter2"`, `{"hunter2"}`, `{"password": "hunter2" hunter2`, "\"hunter2\xff\""} {
		if _, err := Decode([]byte(text)); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Decode(%q): error is %v", text, err)
		}
	}
}

func TestEncodeWritesWhatPythonWrites(t *testing.T) {
	t.Parallel()
	type labelled struct {
		Name string `json:"name"`
		Age  float64
	}
	for _, tt := range []struct {
		value any
		want  string
	}{
		{nil, `null`},
		{"\xff\xfe\xfdé", `"\ufffd\ufffd\ufffd\u00e9"`},
		{[]any{true, false, Number("1.50"), Number("NaN")}, `[true, false, 1.50, NaN]`},
		{"\"\\/\b\f\n\r\t\x00\x7fé\u2028😀\xed\xa0\xbd\xed\xb8", `"\"\\/\b\f\n\r\t\u0000\u007f\u00e9\u2028\ud83d\ude00\ud83d\ufffd\ufffd"`},
		{map[string]any{"b": 1, "a": map[string]string{}, "é": []string{}}, `{"a": {}, "b": 1, "\u00e9": []}`},
		{[]any{int64(-5), uint64(1 << 63), int32(7), 0.0, 1.0, 0.1, 1e16, 1e-5, -1234.5}, `[-5, 9223372036854775808, 7, 0.0, 1.0, 0.1, 1e+16, 1e-05, -1234.5]`},
		{[]map[string]any{{"a": json.RawMessage(`{"k":NaN, "ü": "\u00e9é😀"}`)}}, `[{"a": {"k":NaN, "\u00fc": "\u00e9\u00e9\ud83d\ude00"}}]`},
		{map[string]json.RawMessage{"a": json.RawMessage(`[1]`)}, `{"a": [1]}`},
		{[]labelled{{"<é>", 1}}, `[{"Age": 1, "name": "<\u00e9>"}]`},
		{map[string][]Number{"a": {"1.50"}}, `{"a": [1.50]}`},
		{time.Second, `1000000000`},
		{func() {}, `"cannot encode func()"`},
	} {
		if got := string(Encode(tt.value)); got != tt.want {
			t.Errorf("Encode(%#v) = %s, want %s", tt.value, got, tt.want)
		}
	}
}

func TestDecodeUndoesEncode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var value func(depth int) any
		value = func(depth int) any {
			switch n := rapid.IntRange(0, 6+2*min(depth, 1)).Draw(t, "kind"); n {
			case 0:
				return nil
			case 1:
				return rapid.Bool().Draw(t, "bool")
			case 2:
				return Number(rapid.SampledFrom(numberClasses[2:]).Draw(t, "number")[0])
			case 7:
				list := []any{}
				for range rapid.IntRange(0, 3).Draw(t, "items") {
					list = append(list, value(depth-1))
				}
				return list
			case 8:
				object := map[string]any{}
				for range rapid.IntRange(0, 3).Draw(t, "members") {
					object[rapid.String().Draw(t, "key")] = value(depth - 1)
				}
				return object
			default:
				return rapid.String().Draw(t, "string")
			}
		}
		v := value(3)
		text := Encode(v)
		if i := bytes.IndexFunc(text, func(r rune) bool { return r > '~' || r < ' ' }); i >= 0 {
			t.Fatalf("Encode(%#v) = %q has byte %#x", v, text, text[i])
		}
		got, err := Decode(text)
		if err != nil {
			t.Fatalf("Decode(Encode(%#v)): %v", v, err)
		}
		if diff := cmp.Diff(v, got); diff != "" {
			t.Fatalf("Decode(Encode(v)) (-want +got):\n%s", diff)
		}
	})
}
