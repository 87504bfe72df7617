package message

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, text string) *Message {
	t.Helper()
	m, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return m
}

// seen is what a message says, but for its text and its Key.
type seen struct {
	Task, UUID                        string
	HasUUID, Bare, IsControl, Wait    bool
	Args, Kwargs, ControlData, Limits []byte
	Timeout, Delay                    time.Duration
	OnDuplicate                       OnDuplicate
	Control, ReplyTo                  string
	Published                         float64
}

func see(m *Message) seen {
	return seen{
		Task: m.Task, UUID: m.UUID(), HasUUID: m.HasUUID(), Bare: m.Bare, IsControl: m.IsControl, Wait: m.Wait(),
		Args: m.Args(), Kwargs: m.Kwargs(), ControlData: m.ControlData(), Limits: m.Limits(),
		Timeout: m.Timeout, Delay: m.Delay(), OnDuplicate: m.OnDuplicate(),
		Control: m.Control(), ReplyTo: m.ReplyTo(), Published: m.Published,
	}
}

func TestParseReadsEveryKey(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       seen
	}{
		{"nothing", `{}`, seen{}},
		{"published task", `{"timeout": 7, "task": "shop.jobs.mail", "time_pub": 1700000000.25, "on_duplicate": "serial", "uuid": "0b7c",
			"args": [1], "kwargs": {"a": 1}, "delay": 0.0}`,
			seen{Task: "shop.jobs.mail", UUID: "0b7c", HasUUID: true, Args: []byte(`[1]`), Kwargs: []byte(`{"a": 1}`), Timeout: 7 * time.Second,
				OnDuplicate: Serial, Published: 1700000000.25}},
		{"control", `{"control": "running", "reply_to": "r1", "control_data": {"task": "a"}, "wait": true}`,
			seen{IsControl: true, Control: "running", ReplyTo: "r1", ControlData: []byte(`{"task": "a"}`), Wait: true}},
		{"control null", `{"control": null, "control_data": null, "wait": 1, "reply_to": null}`, seen{IsControl: true}},
		{"control of another kind", `{"control": 5, "control_data": [], "reply_to": [0]}`,
			seen{IsControl: true, ControlData: []byte(`[]`), ReplyTo: "true"}},
		{"limits", `{"task": "a", "limits": {"memory_max": "1G"}}`, seen{Task: "a", Limits: []byte(`{"memory_max": "1G"}`)}},
		{"no limits", `{"task": "a", "limits": null}`, seen{Task: "a"}},
		{"wait is for control only", `{"wait": true}`, seen{}},
		{"falsy reply_to", `{"reply_to": 0.0}`, seen{}},
		{"case of keys", `{"Task": "a", "TASK": "b", "UUID": "c"}`, seen{}},
		{"escaped keys", `{"t\u0061sk": "a\u00e9", "\u0061rgs": [ ]}`, seen{Task: "aé", Args: []byte(`[ ]`)}},
		{"last key wins", `{"task": "a", "args": [1], "task": "b", "args": null, "uuid": "x", "uuid": 7}`,
			seen{Task: "b", Args: []byte(`null`), UUID: "7", HasUUID: true}},
		{"wrong kinds", `{"task": 5, "args": "abc", "kwargs": 3, "on_duplicate": {"a": 1}, "time_pub": "now", "uuid": {"a": [1]}}`,
			seen{Args: []byte(`"abc"`), Kwargs: []byte(`3`), OnDuplicate: "an object", UUID: `{"a": [1]}`, HasUUID: true}},
		{"null uuid", `{"uuid": null, "on_duplicate": null}`, seen{UUID: "null", HasUUID: true, OnDuplicate: "null"}},
		{"empty uuid", `{"uuid": "", "on_duplicate": "sometimes"}`, seen{HasUUID: true, OnDuplicate: "sometimes"}},
		{"channel of the sender", `{"channel": "mine"}`, seen{}},
		{"infinite time_pub", `{"time_pub": 1e400}`, seen{}},
		{"lone surrogate", `{"task": "\ud83d", "uuid": "\ude00"}`, seen{Task: "\xed\xa0\xbd", UUID: "\xed\xb8\x80", HasUUID: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.want.OnDuplicate == "" {
				tt.want.OnDuplicate = Parallel
			}
			got := parse(t, " \r\n"+tt.text+"\t\r\n")
			if diff := cmp.Diff(tt.want, see(got)); diff != "" || string(got.Body) != tt.text {
				t.Errorf("Parse(%q) has the body %s and (-want +got):\n%s", tt.text, got.Body, diff)
			}
		})
	}
}

func TestTextThatIsNotJSONBecomesATask(t *testing.T) {
	t.Parallel()
	for text, body := range map[string]string{
		"":             `{"task": ""}`,
		" ":            `{"task": " "}`,
		"app.tasks.hi": `{"task": "app.tasks.hi"}`,
		"lambda: 5\n":  `{"task": "lambda: 5\n"}`,
		"f({}) + é😀":   `{"task": "f({}) + \u00e9\ud83d\ude00"}`,
		"\ufeff{}":     `{"task": "\ufeff{}"}`,
	} {
		m := parse(t, text)
		if m.Task != text || string(m.Body) != body || !m.Bare || m.HasUUID() {
			t.Errorf("Parse(%q) = task %q, body %s, bare %t; want the text as task and body %s", text, m.Task, m.Body, m.Bare, body)
		}
		if m.Key != parse(t, body).Key {
			t.Errorf("Parse(%q) and its body have different keys", text)
		}
	}
	if parse(t, `{}`).Bare {
		t.Error("an object counts as bare text")
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for text, want := range map[string]string{
		`{"kwargs": {"a": "hunter2"}`:  "JSON",
		`{"kwargs": "hunter2"}}`:       "JSON",
		`["hunter2" + 1]`:              "JSON",
		`"hunter2`:                     "JSON",
		"{\"a\": \"hunter2\n\"}":       "JSON",
		`[1]`:                          "not an object",
		`5`:                            "not an object",
		`"hunter2"`:                    "not an object",
		` null `:                       "not an object",
		`NaN`:                          "not an object",
		"\xff":                         "not UTF-8",
		"{\"task\": \"\xed\xa0\xbd\"}": "not UTF-8",
		`{"timeout": "hunter2"}`:       "timeout: must be a number of seconds, got a string",
		`{"timeout": ["hunter2"]}`:     "timeout: must be a number of seconds, got a list",
		`{"timeout": {"hunter2": 1}}`:  "timeout: must be a number of seconds, got an object",
		`{"timeout": NaN}`:             "timeout: must be a number of seconds, got NaN",
		`{"delay": "hunter2"}`:         "delay: must be a number of seconds, got a string",
		`{"delay": [[]]}`:              "delay: must be a number of seconds, got a list",
		`{"delay": NaN}`:               "delay: must be a number of seconds, got NaN",
		`{"delay": Infinity}`:          "delay: must be a finite number of seconds",
		`{"control": "x", "delay": 1e999999999999}`: "delay: must be a finite number of seconds",
	} {
		m, err := Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) = %v, %v, want an error with %q", text, m, err, want)
			continue
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("Parse(%q): the error contains the value: %v", text, err)
		}
	}
}

func TestSecondsAreReadAsPythonCalculates(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		raw            string
		timeout, delay time.Duration
	}{
		{`null`, 0, 0},
		{`false`, 0, 0},
		{`0`, 0, 0},
		{`-0.0`, 0, 0},
		{`1e-400`, 0, 0},
		{`""`, 0, 0},
		{`[ ]`, 0, 0},
		{`{}`, 0, 0},
		{`true`, time.Second, time.Second},
		{`2`, 2 * time.Second, 2 * time.Second},
		{`0.1`, 100 * time.Millisecond, 100 * time.Millisecond},
		{`1.5e-3`, 1500 * time.Microsecond, 1500 * time.Microsecond},
		{`1e-12`, 1, 1},
		{`-3`, 1, 0},
		{`-Infinity`, 1, 0},
		{`9223372036`, 9223372036 * time.Second, 9223372036 * time.Second},
		{`9223372037`, math.MaxInt64, math.MaxInt64},
		{`9223372036.854775807`, math.MaxInt64, math.MaxInt64},
		{`1e300`, math.MaxInt64, math.MaxInt64},
	} {
		m := parse(t, `{"timeout": `+tt.raw+`, "delay": `+tt.raw+`}`)
		if m.Timeout != tt.timeout || m.Delay() != tt.delay {
			t.Errorf("%s seconds: timeout %d, delay %d, want %d and %d", tt.raw, m.Timeout, m.Delay(), tt.timeout, tt.delay)
		}
	}
	for _, raw := range []string{`Infinity`, `1e400`} {
		if m := parse(t, `{"timeout": `+raw+`}`); m.Timeout != 0 {
			t.Errorf("timeout %s = %v, want none", raw, m.Timeout)
		}
	}
}

func TestParseKeepsACopy(t *testing.T) {
	t.Parallel()
	payload := []byte(` {"task": "a.b", "uuid": "u", "args": ["x"]}`)
	m, err := Parse(payload)
	if err != nil {
		t.Fatal(err)
	}
	for i := range payload {
		payload[i] = '#'
	}
	if got := string(m.Body) + string(m.Args()) + m.Task + m.UUID(); got != `{"task": "a.b", "uuid": "u", "args": ["x"]}["x"]a.bu` {
		t.Errorf("after the payload was overwritten the message is %s", got)
	}
}
