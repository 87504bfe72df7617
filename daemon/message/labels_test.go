package message

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestSetLabelsChangesTheText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, uuid, channel, want string }{
		{"added", `{"task": "a"}`, "u", "c", `{"task": "a", "uuid": "u", "channel": "c"}`},
		{"added to nothing", `{ }`, "u", "c", `{ "uuid": "u", "channel": "c"}`},
		{"only uuid", `{}`, "u", "", `{"uuid": "u"}`},
		{"only channel", `{"uuid": "u" }`, "", "c", `{"uuid": "u" , "channel": "c"}`},
		{"nothing", `{"uuid":"u","uuid":"v"}`, "", "", `{"uuid":"u","uuid":"v"}`},
		{"there already", `{"uuid":"\u0075", "channel":"c"}`, "u", "c", `{"uuid":"\u0075", "channel":"c"}`},
		{"there as a number", `{"uuid":5}`, "5", "", `{"uuid":5}`},
		{"channel as a number", `{"channel":5}`, "", "5", `{"channel": "5"}`},
		{"replaced in place", `{"channel":[1,{"uuid":2}],"task":"a"}`, "", "c", `{"channel": "c", "task":"a"}`},
		{"one replaced, one added", `{"channel":null}`, "u", "c", `{"channel": "c", "uuid": "u"}`},
		{"one replaced, one left", `{"uuid":"u","channel":"x"}`, "u", "c", `{"uuid":"u", "channel": "c"}`},
		{"several", `{"uuid":1,"a":2,"\u0075uid":3,"channel":"c","channel":"c"}`, "u", "c", `{"uuid": "u", "a":2, "channel": "c"}`},
		{"several, the last is right", `{"uuid":"x","uuid":"u"}`, "u", "", `{"uuid": "u"}`},
		{"several of the other", `{"uuid":"u","uuid":"v"}`, "", "c", `{"uuid":"u","uuid":"v", "channel": "c"}`},
		{"nested ones stay", `{"kwargs":{"uuid":1,"uuid":2}}`, "u", "", `{"kwargs":{"uuid":1,"uuid":2}, "uuid": "u"}`},
		{"quotes", `{"uuid":"a"}`, `é"\` + "\xed\xa0\xbd", "", `{"uuid": "\u00e9\"\\\ud83d"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := parse(t, tt.text)
			m.SetLabels(tt.uuid, tt.channel)
			if string(m.Body) != tt.want {
				t.Errorf("SetLabels(%q, %q) made %s of %s, want %s", tt.uuid, tt.channel, m.Body, tt.text, tt.want)
			}
			m.SetLabels(tt.uuid, tt.channel)
			if string(m.Body) != tt.want {
				t.Errorf("SetLabels(%q, %q) again made %s, want %s", tt.uuid, tt.channel, m.Body, tt.want)
			}
		})
	}
}

func TestSetLabelsLeavesTheOldBodyAlone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"args": [1]}`, `{"uuid": 1, "args": [1]}`} {
		m := parse(t, text)
		old := m.Body
		m.SetLabels("u", "c")
		if string(old) != text {
			t.Errorf("the old body of %s became %s", text, old)
		}
		first := m.Body
		kept := bytes.Clone(first)
		m.SetLabels("v", "d")
		if !bytes.Equal(first, kept) {
			t.Errorf("a second SetLabels made %s of the body %s", first, kept)
		}
	}
}

func TestSetLabelsOnAMessageThatWasNotParsed(t *testing.T) {
	t.Parallel()
	m := &Message{Body: []byte(`{"args": [1], "uuid": "a", "uuid": "b"}`)}
	m.SetLabels("u", "c")
	if want := `{"args": [1], "uuid": "u", "channel": "c"}`; string(m.Body) != want || string(m.Args()) != "[1]" {
		t.Errorf("body %s, args %s, want %s and [1]", m.Body, m.Args(), want)
	}
	m = &Message{}
	m.SetLabels("u", "c")
	if m.Body != nil || m.HasUUID() {
		t.Errorf("labels on a message without a text gave %+v", m)
	}
}

// A labelled message has to be what parsing its new text gives.
func TestSetLabelsEqualsParsingTheNewText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var parts []string
		for range rapid.IntRange(0, 6).Draw(t, "members") {
			key := rapid.SampledFrom([]string{`"uuid"`, `"\u0075uid"`, `"channel"`, `"args"`, `"kwargs"`, `"control_data"`, `"x"`, `""`}).Draw(t, "key")
			parts = append(parts, space(t)+key+space(t)+":"+space(t)+drawNode(t, 1).render(t)+space(t))
		}
		text := joined(parts)
		m, err := Parse([]byte(text))
		if err != nil {
			t.Fatalf("Parse(%q): %v", text, err)
		}
		want, err := Decode([]byte(text))
		if err != nil {
			t.Fatalf("Decode(%q): %v", text, err)
		}
		object := want.(map[string]any)
		for range 2 {
			uuid := rapid.SampledFrom([]string{"", "u", "1", `"\`, "é"}).Draw(t, "uuid")
			channel := rapid.SampledFrom([]string{"", "c", "1", "null"}).Draw(t, "channel")
			if uuid != "" && (!m.HasUUID() || m.UUID() != uuid || m.at.uuidRepeated) {
				object["uuid"] = uuid
			}
			if channel != "" {
				object["channel"] = channel
			}
			m.SetLabels(uuid, channel)
		}
		got, err := Decode(m.Body)
		if err != nil {
			t.Fatalf("Decode(%q) after SetLabels: %v", m.Body, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q became %q (-want +got):\n%s", text, m.Body, diff)
		}
		again, err := Parse(m.Body)
		if err != nil {
			t.Fatalf("Parse(%q) after SetLabels: %v", m.Body, err)
		}
		ignore := cmpopts.IgnoreFields(Message{}, "Key") // NaN gives a new one each time
		if diff := cmp.Diff(again, m, cmp.AllowUnexported(Message{}, places{}, span{}, extras{}), ignore); diff != "" {
			t.Fatalf("labelled message of %q (-parsed +labelled):\n%s", m.Body, diff)
		}
	})
}

func joined(parts []string) string {
	text := "{"
	for i, part := range parts {
		if i > 0 {
			text += ","
		}
		text += part
	}
	return text + "}"
}
