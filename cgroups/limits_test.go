package cgroups

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// limitsOf reads limits that are in order.
func limitsOf(t testing.TB, text string) Limits {
	t.Helper()
	l, err := ParseLimits([]byte(text))
	if err != nil {
		t.Fatalf("ParseLimits(%s): %v", text, err)
	}
	return l
}

func TestLimitsAreReadAsSystemdWritesThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{}`:                        `{}`,
		`{"memory_max": null}`:      `{}`,
		`{"memory_max": "512M"}`:    `{"memory_max":"512M"}`,
		`{"memory_max": 536870912}`: `{"memory_max":"512M"}`,
		`{"memory_max": "0.5G"}`:    `{"memory_max":"512M"}`,
		`{"memory_max": "1025"}`:    `{"memory_max":"1025"}`,
		`{"memory_high": "2T", "memory_max": "infinity"}`:            `{"memory_high":"2T","memory_max":"infinity"}`,
		`{"memory_max": "100%"}`:                                     `{"memory_max":"100%"}`,
		`{"swap_max": "0"}`:                                          `{"swap_max":"0"}`,
		`{"cpu_quota": "150%", "cpu_weight": 100, "io_weight": "1"}`: `{"cpu_quota":"150%","cpu_weight":"100","io_weight":"1"}`,
		`{"tasks_max": 64}`:                                          `{"tasks_max":"64"}`,
		`{"tasks_max": "10%"}`:                                       `{"tasks_max":"10%"}`,
	} {
		if got := limitsOf(t, text).String(); got != want {
			t.Errorf("ParseLimits(%s) = %s, want %s", text, got, want)
		}
	}
}

func TestBadLimitsAreNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"memory_max": "12Q"}`:                     `limits.memory_max: must be a size such as "512M", a percentage such as "50%", or "infinity", got "12Q"`,
		`{"memory_max": "101%"}`:                    `limits.memory_max: must be a percentage of at most 100%, got "101%"`,
		`{"memory_max": "-1"}`:                      `limits.memory_max: must be a size`,
		`{"memory_max": ""}`:                        `limits.memory_max: must be a size`,
		`{"memory_max": "M"}`:                       `limits.memory_max: must be a size`,
		`{"memory_max": "1e3"}`:                     `limits.memory_max: must be a size`,
		`{"memory_max": "9999T9"}`:                  `limits.memory_max: must be a size`,
		`{"memory_max": "9999999T"}`:                `limits.memory_max: must be a size`,
		`{"memory_max": true}`:                      `limits.memory_max: must be a size`,
		`{"memory_max": [1]}`:                       `limits.memory_max: must be a size`,
		`{"cpu_quota": "2"}`:                        `limits.cpu_quota: must be a percentage of one CPU`,
		`{"cpu_quota": "0%"}`:                       `limits.cpu_quota: must be a percentage of one CPU`,
		`{"cpu_weight": 0}`:                         `limits.cpu_weight: must be an integer from 1 to 10000, got "0"`,
		`{"io_weight": 10001}`:                      `limits.io_weight: must be an integer from 1 to 10000`,
		`{"tasks_max": 0}`:                          `limits.tasks_max: must be an integer of at least 1`,
		`{"tasks_max": "+1"}`:                       `limits.tasks_max: must be an integer`,
		`{"memory": "1G"}`:                          `limits: unknown key "memory"; there are memory_high, memory_max, swap_max`,
		`[]`:                                        `limits: must be an object`,
		`"512M"`:                                    `limits: must be an object`,
		`{"memory_high": "2G", "memory_max": "1G"}`: `limits.memory_high: must be at most limits.memory_max (1G), got 2G`,
	} {
		if _, err := ParseLimits([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("ParseLimits(%s) = %v, want %s", text, err, want)
		}
	}
}

// drawn are limits of any kind that do not contradict each other.
func drawn(t *rapid.T, label string) Limits {
	var l Limits
	for _, k := range limitKeys {
		texts := []string{"", "infinity", "1", "100%", "7%", "3", "10000"}
		if text := rapid.SampledFrom(texts).Draw(t, label+k.name); text != "" {
			if a, err := k.parse(text); err == nil {
				*k.of(&l) = a
			}
		}
	}
	if l.Check("limits") != nil {
		l.MemoryHigh = Size{}
	}
	return l
}

func TestTextOfLimitsIsReadAsTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := drawn(t, "")
		if got, err := ParseLimits([]byte(l.String())); err != nil || got != l {
			t.Errorf("ParseLimits(%s) = %s, %v", l, got, err)
		}
		var sent Limits
		if err := json.Unmarshal([]byte(l.String()), &sent); err != nil || sent != l {
			t.Errorf("%s arrives as %s, %v", l, sent, err)
		}
	})
}

func TestWhatIsWithinLimitsDoesNotExceedThem(t *testing.T) {
	t.Parallel()
	unit := Unit{Memory: 1000, Tasks: 100}
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawn(t, "a ").Resolve(unit), drawn(t, "b ").Resolve(unit)
		if err := a.Exceeds(a); err != nil {
			t.Errorf("%s exceeds itself: %v", a, err)
		}
		for _, k := range limitKeys {
			x, y := *k.of(&a), *k.of(&b)
			more := x.IsSet() && y.IsSet() && x.rank() > y.rank()
			if err := a.Exceeds(b); more && (err == nil || !strings.Contains(err.Error(), k.name+": ")) {
				t.Errorf("%s against %s: %v, want %s named", a, b, err, k.name)
			}
			if x.form == percent {
				t.Errorf("%s: %s is not resolved", a, k.name)
			}
		}
	})
}

func TestPercentagesAreOfTheUnit(t *testing.T) {
	t.Parallel()
	unit := Unit{Memory: 8 << 30, Tasks: 1000}
	for text, want := range map[string]string{
		`{"memory_max": "50%", "tasks_max": "15%", "cpu_quota": "50%"}`: `{"memory_max":"4G","cpu_quota":"50%","tasks_max":"150"}`,
		`{"swap_max": "0%"}`: `{"swap_max":"0"}`,
		// A high that was given beside another max is of no use.
		`{"memory_high": "6G", "memory_max": "50%"}`: `{"memory_max":"4G"}`,
		`{"memory_high": "3G", "memory_max": "50%"}`: `{"memory_high":"3G","memory_max":"4G"}`,
	} {
		if got := limitsOf(t, text).Resolve(unit).String(); got != want {
			t.Errorf("%s of %+v = %s, want %s", text, unit, got, want)
		}
	}
	if got := limitsOf(t, `{"tasks_max": "15%"}`).Resolve(Unit{}).String(); got != `{"tasks_max":"infinity"}` {
		t.Errorf("15%% of what is not known = %s, want no limit", got)
	}
}

func TestTheMoreSpecificLimitCounts(t *testing.T) {
	t.Parallel()
	pool, task := limitsOf(t, `{"memory_max": "1G", "tasks_max": 64}`), limitsOf(t, `{"memory_max": "2G", "cpu_quota": "50%"}`)
	if got, want := pool.With(task).String(), `{"memory_max":"2G","cpu_quota":"50%","tasks_max":"64"}`; got != want {
		t.Errorf("With = %s, want %s", got, want)
	}
}
