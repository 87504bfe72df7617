package schedule

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/daemon/message"
)

func TestConfigBecomesMessages(t *testing.T) {
	t.Parallel()
	cfg := Config{
		OnStart: []Task{{Task: "app.tasks.warm_up"}},
		Schedule: []Recurring{{
			Every: 30 * time.Second,
			Task: Task{
				Task: "app.tasks.cleanup",
				Args: []any{int64(1), 1.0, "ä", true, []any{int64(2), map[string]any{"x": int64(3)}}},
				Kwargs: map[string]any{
					"tables": []map[string]any{{"y": 4.0}, {"z": int64(5)}}, // as TOML's arrays of tables are
					"less":   math.NaN(),
					"far":    math.Inf(-1),
				},
				Timeout:     90 * time.Second,
				Delay:       500 * time.Millisecond,
				OnDuplicate: message.QueueOne,
			},
		}},
	}
	if err := cfg.Validate(); err != nil {
		t.Fatalf("Validate() = %v, want nil", err)
	}
	synctest.Test(t, func(t *testing.T) {
		to := &fakeSubmitter{}
		runFor(t, cfg, to, discardLog, 31*time.Second)
		want := []string{
			`{"task": "app.tasks.warm_up", "uuid": "on-start-0"}`,
			`{"args": [1, 1.0, "\u00e4", true, [2, {"x": 3}]], "delay": 0.5, ` +
				`"kwargs": {"far": -Infinity, "less": NaN, "tables": [{"y": 4.0}, {"z": 5}]}, ` +
				`"on_duplicate": "queue_one", "task": "app.tasks.cleanup", "timeout": 90.0, "uuid": "sch-1"}`,
		}
		if diff := cmp.Diff(want, to.bodies); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
	})
}

func TestOtherKeysOfTheMessagePassThrough(t *testing.T) {
	t.Parallel()
	m, err := Task{Task: "a", Args: []any{int64(1)}, Message: map[string]any{
		"guid": "g", "bind": true, "callbacks": []any{map[string]any{"task": "b"}},
		"uuid": "mine", "task": "other", "args": []any{int64(2)}, "timeout": int64(5),
	}}.message("sch-1")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"args": [1], "bind": true, "callbacks": [{"task": "b"}], "guid": "g", "task": "a", "timeout": 5, "uuid": "sch-1"}`
	if got := string(m.Body); got != want || m.Timeout != 5*time.Second {
		t.Errorf("message is %s with a timeout of %v, want %s: the task's own options and the uuid come first", got, m.Timeout, want)
	}
}

func TestEmptyArgumentsAreLeftOutAsPublishersDo(t *testing.T) {
	t.Parallel()
	given, err := Task{Task: "a", Args: []any{}, Kwargs: map[string]any{}}.message("u")
	if err != nil {
		t.Fatal(err)
	}
	published, err := message.Parse([]byte(`{"task": "a"}`))
	if err != nil {
		t.Fatal(err)
	}
	if given.Key != published.Key || given.Args() != nil || given.Kwargs() != nil {
		t.Errorf("message is %s, want one without args and kwargs", given.Body)
	}
}

func TestValidateNamesKeyValueAndBound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		cfg  Config
		want string // "" is valid
	}{
		{"default", DefaultConfig(), ""},
		{"least", Config{OnStart: []Task{{Task: "a", Timeout: time.Millisecond}}, Schedule: []Recurring{every("a", time.Millisecond)}}, ""},
		{"no task", Config{OnStart: []Task{{Task: "a"}, {}}}, `on_start[1].task: must be the name of a task, got nothing`},
		{"no period", Config{Schedule: []Recurring{every("a", 0)}}, `schedule[0].every: must be a duration with its unit, such as "30s", and at least 1ms, got 0s`},
		{"bare number", Config{Schedule: []Recurring{every("a", 30)}}, `schedule[0].every: must be a duration with its unit, such as "30s", and at least 1ms, got 30ns`},
		{"negative timeout", Config{OnStart: []Task{{Task: "a", Timeout: -1}}}, `on_start[0].timeout: must be a duration with its unit, such as "30s", and at least 1ms, got -1ns`},
		{"bare delay", Config{OnStart: []Task{{Task: "a", Delay: 5}}}, `on_start[0].delay: must be a duration with its unit, such as "30s", and at least 1ms, got 5ns`},
		{"unknown mode", Config{OnStart: []Task{{Task: "a", OnDuplicate: "later"}}}, `on_start[0].on_duplicate: must be parallel, serial, discard or queue_one, got "later"`},
		{"date", Config{OnStart: []Task{{Task: "a", Args: []any{[]any{time.Now()}}}}}, `on_start[0].args: must be written as a string where it is a date: JSON has no dates`},
		{"no JSON", Config{OnStart: []Task{{Task: "a", Kwargs: map[string]any{"x": 1i}}}}, `on_start[0].kwargs: must be made of what JSON has, got a complex128`},
		{"message that is no JSON", Config{OnStart: []Task{{Task: "a", Message: map[string]any{"x": time.Now()}}}}, `on_start[0].message: must be written as a string where it is a date: JSON has no dates`},
		{"message with a timeout that is text", Config{OnStart: []Task{{Task: "a", Message: map[string]any{"timeout": "5"}}}}, `on_start[0].message: timeout: must be a number of seconds, got a string`},
		{"control request", Config{OnStart: []Task{{Task: "a", Message: map[string]any{"control": "alive"}}}}, `on_start[0].message.control: must be left out, it makes the message a control request`},
		{"several", Config{OnStart: []Task{{}}, Schedule: []Recurring{every("", 0)}}, "on_start[0].task: must be the name of a task, got nothing\n" +
			"schedule[0].task: must be the name of a task, got nothing\n" +
			`schedule[0].every: must be a duration with its unit, such as "30s", and at least 1ms, got 0s`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := tt.cfg.Validate(); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("Validate() = %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestConfigErrorsDoNotTellArguments(t *testing.T) {
	t.Parallel()
	_, err := Task{Task: "a", Kwargs: map[string]any{"password": "hunter2", "since": time.Now()}}.message("u")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("message() = %v, want an error without the value", err)
	}
}

func TestMessageHasEveryFieldOfTheTask(t *testing.T) {
	t.Parallel()
	m, err := Task{Task: "a", Timeout: 1500 * time.Millisecond, Delay: time.Hour, OnDuplicate: message.Discard, Args: []any{int64(math.MaxInt64)}}.message("u")
	if err != nil {
		t.Fatal(err)
	}
	if m.Task != "a" || m.UUID() != "u" || m.Timeout != 1500*time.Millisecond || m.Delay() != time.Hour || m.OnDuplicate() != message.Discard || string(m.Args()) != "[9223372036854775807]" {
		t.Errorf("message is %+v", m)
	}
	if !json.Valid(m.Body) {
		t.Errorf("body %s is no JSON", m.Body)
	}
}
