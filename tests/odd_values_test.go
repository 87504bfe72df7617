package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// oddValues are JSON that Python's json module reads and writes, and others often change.
var oddValues = []struct{ name, text, python string }{
	{"NaN", `NaN`, "nan"},
	{"infinities", `[Infinity, -Infinity]`, "[inf, -inf]"},
	{"an integer of 40 digits", `1234567890123456789012345678901234567890`, "1234567890123456789012345678901234567890"},
	{"a negative one", `-9999999999999999999999999999999999999999`, "-9999999999999999999999999999999999999999"},
	{"an integer beyond float64", `[9007199254740993, 18446744073709551617]`, "[9007199254740993, 18446744073709551617]"},
	{"a float with every digit", `0.1234567890123456`, "0.1234567890123456"},
	{"a large float", `1e+300`, "1e+300"},
	{"negative zero", `-0.0`, "-0.0"},
	{"a float that is whole", `1.0`, "1.0"},
	{"lone surrogates", `"\ud800 \udfff x"`, `'\ud800 \udfff x'`},
	{"a pair of surrogates", `"\ud83d\ude00"`, `'\U0001f600'`},
	{"a zero byte", `"a\u0000b"`, `'a\x00b'`},
	{"a line break", `"a\nb\u2028c"`, `'a\nb\u2028c'`},
}

func TestOddValuesArriveInTheTaskAndComeBackAsTheyAre(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	c := d.connect()
	for i, tt := range oddValues {
		t.Run(tt.name, func(t *testing.T) {
			path := d.file(fmt.Sprintf("value-%d", i))
			c.send(fmt.Sprintf(`{"control": "run", "wait": true, "reply_to": "me", "control_data": {"task": "app.record.record", "args": [%q, %s], "kwargs": {"k": %s}}}`,
				path, tt.text, tt.text))
			c.expect(`"ack"`)
			c.expect(`"outcome": "succeeded"`, fmt.Sprintf(`"result": [[%s], {"k": %s}]`, tt.text, tt.text))
			got, err := os.ReadFile(path)
			if want := fmt.Sprintf("[[%s], {'k': %s}]\n", tt.python, tt.python); err != nil || string(got) != want {
				t.Errorf("the task got %s (%v), want %s", got, err, want)
			}
		})
	}
}

func TestOddValuesAreInRunningAsTheyAre(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	c := d.connect()
	for i, tt := range oddValues {
		c.send(fmt.Sprintf(`{"task": "app.record.record", "delay": 3600, "uuid": "u-%d", "args": [%s], "kwargs": {"k": %s}}`, i, tt.text, tt.text))
	}
	for i, tt := range oddValues {
		t.Run(tt.name, func(t *testing.T) {
			c.send(fmt.Sprintf(`{"control": "running", "reply_to": "me", "control_data": {"uuid": "u-%d"}}`, i))
			c.expect(fmt.Sprintf(`"args": [%s]`, tt.text), fmt.Sprintf(`"kwargs": {"k": %s}`, tt.text))
		})
	}
}

func TestKeysOfArgumentsArriveInTheirOrder(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	c := d.connect()
	for name, form := range map[string]string{
		"message": `%s`, "run": `{"control": "run", "control_data": %s}`,
	} {
		path := d.file(name)
		c.send(fmt.Sprintf(form, fmt.Sprintf(`{"task": "app.record.record", "args": [%q, {"b": 1, "a": 2}], "kwargs": {"y": 1, "x": {"b": 1, "a": 2}}}`, path)))
		want := "[[{'b': 1, 'a': 2}], {'y': 1, 'x': {'b': 1, 'a': 2}}]"
		if got := waitFile(t, path, 1)[0]; got != want {
			t.Errorf("%s: the task got %s, want %s", name, got, want)
		}
	}
}

func TestOddLabelsNameTheTaskInTheLog(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	c := d.connect()
	for _, tt := range []struct{ name, uuid, logged string }{
		{"a number", `1234567890123456789012345678901234567890`, `uuid=1234567890123456789012345678901234567890`},
		{"null", `null`, `uuid=null`},
		{"a list", `[1, "a"]`, `uuid="[1, \"a\"]"`},
		{"a line break", `"a\nmsg=forged"`, `uuid="a\nmsg=forged"`},
		{"an escape sequence", `"\u001b[2J"`, `uuid="\x1b[2J"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.send(fmt.Sprintf(`{"task": "app.tasks.fail", "args": ["x"], "uuid": %s}`, tt.uuid))
			if line := d.waitLog(tt.logged); !strings.HasPrefix(line, "time=") {
				t.Errorf("the label has broken the line: %q", line)
			}
		})
	}
	d.task("app.tasks.nothing")
	for _, line := range d.log.all("") {
		if !strings.HasPrefix(line, "time=") {
			t.Errorf("a line of the log is none: %q", line)
		}
	}
}

func TestChunksOfATaskArriveInAnyOrderBetweenOtherMessages(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "", withMetrics))
	path := d.file("value")
	whole := fmt.Sprintf(`{"task": "app.record.record", "args": [%q, "é\ud800"]}`, path)
	chunk := func(index int, payload string) string {
		text, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf(`{"__dispatcherd_chunk__": "v1", "message_id": "m", "index": %d, "total": 3, "payload": %s}`, index, text)
	}
	first, second := d.connect(), d.connect()
	first.send(chunk(2, whole[40:]))
	first.alive()
	first.send(chunk(0, whole[:20]), chunk(0, whole[:20]))
	first.alive()
	if _, err := os.Stat(path); err == nil {
		t.Error("the task ran before its message was complete")
	}
	second.send(chunk(1, whole[20:40]))
	waitFile(t, path, 1)
	if got := d.metrics()[metricReceived]; got != 3 {
		t.Errorf("%s is %v, want 3: two requests and one task", metricReceived, got)
	}
}
