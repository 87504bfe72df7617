package message

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func FuzzParse(f *testing.F) {
	for _, texts := range [][]string{validTexts, brokenTexts} {
		for _, text := range texts {
			f.Add([]byte(text))
			f.Add([]byte(`{"task": "a", "args": [` + text + `], "uuid": "u", "kwargs": {"a": 1}}`))
		}
	}
	f.Add([]byte(ordinary))
	f.Add([]byte(`{"timeout": 1e999, "delay": -0.5, "uuid": 1, "uuid": 2, "channel": null, "control": "x", "control_data": {}, "reply_to": "r"}`))
	f.Add(part(`"m"`, `0`, `1`, `"{\"task\": \"a\"}"`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		kept := bytes.Clone(payload)
		checkDecode(t, payload)
		checkParse(t, payload)
		a := NewAssembler(time.Minute, time.Now)
		if whole, done, err := a.Add(payload); done && (err != nil || len(whole) == 0 && len(payload) > 0) {
			t.Errorf("Add(%q) = %q, %t, %v", payload, whole, done, err)
		}
		if !bytes.Equal(payload, kept) {
			t.Errorf("%q was changed to %q", kept, payload)
		}
	})
}

func checkDecode(t *testing.T, text []byte) {
	v, err := Decode(text)
	if err != nil {
		// What encoding/json takes is a subset, but for depth and bytes that are not UTF-8.
		if json.Valid(text) && utf8.Valid(text) && bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) <= maxDepth {
			t.Errorf("Decode(%q): %v, encoding/json takes it", text, err)
		}
		return
	}
	again, err := Decode(Encode(v))
	if err != nil {
		t.Fatalf("Decode(Encode(Decode(%q))): %v", text, err)
	}
	if diff := cmp.Diff(v, again); diff != "" {
		t.Errorf("%q changes by Encode (-before +after):\n%s", text, diff)
	}
}

func checkParse(t *testing.T, payload []byte) {
	m, err := Parse(payload)
	if err != nil {
		return
	}
	if m.Timeout < 0 || m.Delay() < 0 {
		t.Errorf("Parse(%q): timeout %v, delay %v", payload, m.Timeout, m.Delay())
	}
	before, err := Decode(m.Body)
	if err != nil {
		t.Fatalf("body %q of Parse(%q): %v", m.Body, payload, err)
	}
	if m.Bare && json.Valid(payload) {
		t.Errorf("Parse(%q) took JSON for a bare name", payload)
	}
	m.SetLabels("new \"uuid\"", "channel")
	after, err := Decode(m.Body)
	if err != nil {
		t.Fatalf("body %q of Parse(%q) after SetLabels: %v", m.Body, payload, err)
	}
	want := before.(map[string]any)
	want["uuid"], want["channel"] = "new \"uuid\"", "channel"
	if diff := cmp.Diff(want, after); diff != "" {
		t.Errorf("labels on %q (-want +got):\n%s", payload, diff)
	}
}
