package dispatch

import "testing"

func TestFilterComparesAsPythonDoes(t *testing.T) {
	t.Parallel()
	const full = `{"uuid": "u", "task": "job", "args": [1, "x", {"a": 1, "b": null}], "kwargs": {"p": 2.0, "q": [true]}}`
	for _, tt := range []struct {
		name   string
		filter Filter
		text   string
		want   bool
	}{
		{"empty", Filter{}, full, true},
		{"task", Filter{Task: []byte(`"job"`)}, full, true},
		{"other task", Filter{Task: []byte(`"jo"`)}, full, false},
		{"uuid", Filter{UUID: []byte(`"u"`)}, full, true},
		{"other uuid", Filter{UUID: []byte(`"U"`)}, full, false},
		{"task and other uuid", Filter{Task: []byte(`"job"`), UUID: []byte(`"v"`)}, full, false},
		{"uuid that is a number", Filter{UUID: []byte(`5`)}, `{"task": "job", "uuid": 5.0}`, true},
		{"number that looks like the uuid", Filter{UUID: []byte(`5`)}, `{"task": "job", "uuid": "5"}`, false},
		{"text that looks like the uuid", Filter{UUID: []byte(`"5"`)}, `{"task": "job", "uuid": 5}`, false},
		{"uuid true", Filter{UUID: []byte(`true`)}, `{"task": "job", "uuid": 1}`, true},
		{"task that is a list", Filter{Task: []byte(`["job"]`)}, `{"task": ["job"]}`, true},
		{"task that is no name", Filter{Task: []byte(`["job"]`)}, full, false},
		{"absent uuid", Filter{UUID: []byte(`5`)}, `{"task": "job"}`, false},
		{"zero is no uuid", Filter{UUID: []byte(`0`)}, full, true},
		{"NaN is equal to nothing", Filter{UUID: []byte(`NaN`)}, `{"task": "job", "uuid": NaN}`, false},
		{"args", Filter{Args: []byte(`[1,"x",{"b":null,"a":1}]`)}, full, true},
		{"args as float and bool", Filter{Args: []byte(`[1.0,"x",{"a":true,"b":null}]`)}, full, true},
		{"args in part", Filter{Args: []byte(`[1]`)}, full, false},
		{"kwargs", Filter{Kwargs: []byte(`{"q": [1], "p": 2}`)}, full, true},
		{"kwargs in part", Filter{Kwargs: []byte(`{"p": 2}`)}, full, false},
		{"args as kwargs", Filter{Kwargs: []byte(`[1,"x",{"b":null,"a":1}]`)}, full, false},
		{"args right, kwargs wrong", Filter{Args: []byte(`[1,"x",{"a":1,"b":null}]`), Kwargs: []byte(`{"p": 3}`)}, full, false},
		{"null is no filter", Filter{Args: []byte(`null`)}, full, true},
		{"empty list is no filter", Filter{Args: []byte(` [] `)}, full, true},
		{"empty object is no filter", Filter{Kwargs: []byte(`{}`)}, full, true},
		{"false is no filter", Filter{Args: []byte(`false`)}, full, true},
		{"zero is no filter", Filter{Args: []byte(`-0.0`)}, full, true},
		{"empty text is no filter", Filter{Args: []byte(`""`)}, full, true},
		{"number", Filter{Args: []byte(`1e999`)}, full, false},
		{"true", Filter{Args: []byte(`true`)}, `{"task": "job", "args": 1}`, true},
		{"absent args", Filter{Args: []byte(`[1]`)}, `{"task": "job"}`, false},
		{"null args", Filter{Args: []byte(`[1]`)}, `{"task": "job", "args": null}`, false},
		{"plain text with a blank behind it", Filter{UUID: []byte(`"u" `)}, full, true},
		{"escaped filter", Filter{UUID: []byte(`"\u0075"`)}, full, true},
		{"escaped uuid", Filter{UUID: []byte(`"u"`)}, `{"task": "job", "uuid": "\u0075"}`, true},
		{"letters beyond ASCII", Filter{UUID: []byte(`"\u00fc"`)}, `{"task": "job", "uuid": "ü"}`, true},
		{"text", Filter{Args: []byte(`"ab"`)}, `{"task": "job", "args": "\u0061b"}`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			matches, err := tt.filter.compile()
			if err != nil {
				t.Fatal(err)
			}
			if got := matches(parse(t, tt.text)); got != tt.want {
				t.Errorf("%+v matches %s: %v, want %v", tt.filter, tt.text, got, tt.want)
			}
		})
	}
}

func TestFilterThatSelectsAll(t *testing.T) {
	t.Parallel()
	for _, f := range []Filter{{}, {Task: []byte(`""`)}, {UUID: []byte(`null`), Args: []byte(` [] `), Kwargs: []byte(`{}`)}, {Args: []byte(`-0.0`)}} {
		if !f.SelectsAll() {
			t.Errorf("%+v is taken to filter", f)
		}
	}
	for _, f := range []Filter{{Task: []byte(`"a"`)}, {UUID: []byte(`1`)}, {Args: []byte(`[0]`)}, {Kwargs: []byte(`{"a": null}`)}, {Task: []byte(`no JSON`)}} {
		if f.SelectsAll() {
			t.Errorf("%+v is taken for the empty filter", f)
		}
	}
}

func TestStateNamesAreThoseOfReplies(t *testing.T) {
	t.Parallel()
	for state, want := range map[State]string{Running: "running", Blocked: "blocked", Queued: "queued", Delayed: "delayed", arriving: "arriving", ended: "ended", 9: "State(9)"} {
		if got := state.String(); got != want {
			t.Errorf("State(%d).String() = %q, want %q", int(state), got, want)
		}
	}
}
