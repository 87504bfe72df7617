package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dispatcherd/cgroups"
)

func limitsOf(t testing.TB, text string) cgroups.Limits {
	t.Helper()
	l, err := cgroups.ParseLimits([]byte(text))
	if err != nil {
		t.Fatalf("ParseLimits(%s): %v", text, err)
	}
	return l
}

// example is a configuration with a bit of everything.
func example(t testing.TB) *Policy {
	p := New(Config{
		Limits: limitsOf(t, `{"memory_max": "512M", "tasks_max": 64}`),
		Tasks: []Task{
			{Match: "reports.*", Timeout: 10 * time.Minute, Limits: limitsOf(t, `{"memory_max": "2G", "cpu_quota": "50%"}`), MaxConcurrency: 2},
			{Match: "reports.never"},
			{Match: "mail.?end", Timeout: time.Second},
			{Match: "half", Limits: limitsOf(t, `{"memory_max": "50%"}`)},
		},
	})
	p.Measure(cgroups.Unit{Memory: 8 << 30, Tasks: 1000, CPUs: 4})
	return p
}

func TestTheFirstSectionThatMatchesCounts(t *testing.T) {
	t.Parallel()
	p := example(t)
	for _, tt := range []struct {
		name    string
		timeout time.Duration
		limits  string
		want    Terms
	}{
		{"app.work", 0, ``, Terms{}},
		{"app.work", 5, ``, Terms{Timeout: 5}},
		{"app.work", 0, `{"memory_max": "512M"}`, Terms{}}, // what every worker has
		{"app.work", 0, `{"memory_max": "100M", "cpu_quota": "700%"}`, Terms{Limits: `{"memory_max":"100M","cpu_quota":"700%","tasks_max":"64"}`}},
		{"reports.monthly", 0, ``, Terms{10 * time.Minute, `{"memory_max":"2G","cpu_quota":"50%","tasks_max":"64"}`}},
		{"reports.never", time.Hour, ``, Terms{10 * time.Minute, `{"memory_max":"2G","cpu_quota":"50%","tasks_max":"64"}`}},
		{"reports.monthly", time.Minute, `{"memory_max": "1G"}`, Terms{time.Minute, `{"memory_max":"1G","cpu_quota":"50%","tasks_max":"64"}`}},
		{"reports.monthly", 0, `{"memory_max": "25%"}`, Terms{10 * time.Minute, `{"memory_max":"25%","cpu_quota":"50%","tasks_max":"64"}`}},
		{"mail.send", 0, ``, Terms{Timeout: time.Second}},
		{"mail.resend", 0, ``, Terms{}},
		{"half", 0, `{"memory_max": "4G"}`, Terms{Limits: `{"memory_max":"4G","tasks_max":"64"}`}},
		{"", 0, ``, Terms{}},
	} {
		var limits []byte
		if tt.limits != "" {
			limits = []byte(tt.limits)
		}
		if got, err := p.Terms(tt.name, tt.timeout, limits); err != nil || got != tt.want {
			t.Errorf("Terms(%q, %v, %s) = %+v, %v, want %+v", tt.name, tt.timeout, tt.limits, got, err, tt.want)
		}
	}
}

func TestMoreThanTheConfigurationAllowsIsRefused(t *testing.T) {
	t.Parallel()
	p := example(t)
	for _, tt := range []struct{ name, limits, want string }{
		{"app.work", `{"memory_max": "1G"}`, "limits.memory_max: 1G is more than the 512M that the configuration allows"},
		{"app.work", `{"memory_max": "infinity", "tasks_max": 65}`, "limits.memory_max: infinity is more than the 512M that the configuration allows; limits.tasks_max: 65 is more than the 64 that the configuration allows"},
		{"app.work", `{"memory_max": "50%"}`, "limits.memory_max: 4G is more than the 512M"},
		{"reports.monthly", `{"cpu_quota": "51%"}`, "limits.cpu_quota: 51% is more than the 50%"},
		{"half", `{"memory_max": "5G"}`, "limits.memory_max: 5G is more than the 4G"},
		{"app.work", `{"memory_max": "12Q"}`, "limits.memory_max: must be a size"},
		{"app.work", `{"memory_high": "2G", "memory_max": "1M"}`, "limits.memory_high: must be at most limits.memory_max (1M), got 2G"},
		{"app.work", `5`, "limits: must be an object"},
	} {
		if got, err := p.Terms(tt.name, 0, []byte(tt.limits)); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("Terms(%q, %s) = %+v, %v, want %s", tt.name, tt.limits, got, err, tt.want)
		}
	}
}

// drawLimits are limits of any kind, in the text of a submission.
func drawLimits(t *rapid.T, label string) string {
	var members []string
	add := func(key string, values ...string) {
		if v := rapid.SampledFrom(append(values, "")).Draw(t, label+key); v != "" {
			members = append(members, fmt.Sprintf("%q: %q", key, v))
		}
	}
	sizes := []string{"0", "1M", "5M", "1G", "10%", "100%", "infinity"}
	add("memory_max", sizes...)
	add("swap_max", sizes...)
	add("cpu_quota", "1%", "99%", "250%", "infinity")
	add("cpu_weight", "1", "100", "10000")
	add("io_weight", "1", "100", "10000")
	add("tasks_max", "1", "64", "50%", "infinity")
	return "{" + strings.Join(members, ", ") + "}"
}

func TestNoSubmissionGetsMoreThanTheConfigurationAllows(t *testing.T) {
	t.Parallel()
	unit := cgroups.Unit{Memory: 64 << 20, Tasks: 100}
	parse := func(t *rapid.T, text string) cgroups.Limits {
		l, err := cgroups.ParseLimits([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	rapid.Check(t, func(t *rapid.T) {
		pool, task := parse(t, drawLimits(t, "pool ")), parse(t, drawLimits(t, "task "))
		longest := time.Duration(rapid.IntRange(0, 3).Draw(t, "longest"))
		p := New(Config{Limits: pool, Tasks: []Task{{Match: "t.*", Limits: task, Timeout: longest}}})
		p.Measure(unit)
		timeout, asked := time.Duration(rapid.IntRange(0, 3).Draw(t, "timeout")), drawLimits(t, "asked ")
		terms, err := p.Terms("t.x", timeout, []byte(asked))
		allowed := pool.With(task).Resolve(unit)
		if parse(t, asked).Resolve(unit).Exceeds(allowed) != nil {
			if err == nil {
				t.Fatalf("%s is taken, although %s is all that is allowed", asked, allowed)
			}
			return
		}
		if err != nil {
			t.Fatalf("%s is refused, although %s is allowed: %v", asked, allowed, err)
		}
		gets := pool
		if terms.Limits != "" {
			gets = parse(t, terms.Limits)
		}
		for _, key := range allowed.Names() {
			if !strings.Contains(gets.String(), key) {
				t.Errorf("with %s the limit on %s is gone: %s", asked, key, gets)
			}
		}
		if err := gets.Resolve(unit).Exceeds(allowed); err != nil {
			t.Errorf("with %s the task gets %s: %v", asked, gets, err)
		}
		if longest > 0 && (terms.Timeout == 0 || terms.Timeout > longest) || timeout > 0 && terms.Timeout > timeout {
			t.Errorf("with a timeout of %v where %v is allowed the task has %v", timeout, longest, terms.Timeout)
		}
	})
}

func TestSectionsCountWhatTheyMatched(t *testing.T) {
	t.Parallel()
	p := example(t)
	for range 3 {
		if _, err := p.Terms("reports.a", 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Terms("app.work", 0, nil); err != nil {
		t.Fatal(err)
	}
	want := []Section{{"reports.*", 3, 2}, {"reports.never", 0, 0}, {"mail.?end", 0, 0}, {"half", 0, 0}}
	if got := p.Sections(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("Sections = %+v, want %+v", got, want)
	}
	p.Use(Config{Tasks: []Task{{Match: "reports.*"}, {Match: "new"}}})
	if got := p.Sections(); len(got) != 2 || got[0].Matched != 3 || got[1].Matched != 0 {
		t.Errorf("Sections after a reload = %+v, want the count of the one that stayed", got)
	}
	if section, most := p.Bound("reports.a"); section != "" || most != 0 {
		t.Errorf("Bound after a reload = %q, %d, want none", section, most)
	}
}

func TestBoundIsSharedByTheNamesOfASection(t *testing.T) {
	t.Parallel()
	p := example(t)
	for name, want := range map[string]string{"reports.a": "reports.*", "reports.b": "reports.*", "mail.send": "", "app": ""} {
		if section, _ := p.Bound(name); section != want {
			t.Errorf("Bound(%q) is of %q, want %q", name, section, want)
		}
	}
}

func TestNamesAreRememberedUpToABound(t *testing.T) {
	t.Parallel()
	p := example(t)
	for i := range cachedNames + 10 {
		name := fmt.Sprintf("reports.%d", i)
		if section, _ := p.Bound(name); section != "reports.*" {
			t.Fatalf("Bound(%q) is of %q", name, section)
		}
	}
	if n := len(p.cache); n != cachedNames {
		t.Errorf("%d names are remembered, want %d", n, cachedNames)
	}
}

func TestPatternsAreThoseOfFnmatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"a.*", "a.b", true}, {"a.*", "a.", true}, {"a.*", "ab", false}, {"a.*", "xa.b", false}, {"*", "a/b\nc", true},
		{"a?c", "abc", true}, {"a?c", "ac", false}, {"[ab]c", "bc", true}, {"[!ab]c", "bc", false}, {"[!ab]c", "xc", true},
		{"[a-c]", "b", true}, {"[]]", "]", true}, {"[!]]", "x", true}, {"[a", "[a", true}, {"[", "[", true}, {"[]", "[]", true},
		{"[^a]", "^", true}, {"[^a]", "b", false}, {`[\]`, `\`, true}, {"a+b", "a+b", true}, {"A", "a", false}, {"[z-a]", "[z-a]", true},
		{"ü*", "übung", true},
	} {
		if got := pattern(tt.pattern).MatchString(tt.name); got != tt.want {
			t.Errorf("pattern %q matches %q: %v, want %v", tt.pattern, tt.name, got, tt.want)
		}
	}
}

func TestBadSectionsAreNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cfg  Config
		want string
	}{
		{Config{Tasks: []Task{{}}}, `task[0].match: must be a pattern of names such as "reports.*", got nothing`},
		{Config{Tasks: []Task{{Match: "a", Timeout: -1}}}, "task[0].timeout: must be 0s or more, got -1ns"},
		{Config{Tasks: []Task{{Match: "a", MaxConcurrency: -1}}}, "task[0].max_concurrency: must be 0 or more, got -1"},
		{Config{Tasks: []Task{{Match: "a"}, {Match: "a"}}}, `task[1].match: must come before task[0] ("a"), which takes every name that it matches, got "a"`},
		{Config{Tasks: []Task{{Match: "*"}, {Match: "a"}}}, `task[1].match: must come before task[0] ("*")`},
	} {
		if err := tt.cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("Validate of %+v = %v, want %s", tt.cfg, err, tt.want)
		}
	}
	if err := example(t).cfg.Validate(); err != nil {
		t.Errorf("Validate of the example = %v", err)
	}
}

func TestCapacityIsWhatThereIsRoomFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		unit   cgroups.Unit
		limits string
		want   int
	}{
		{cgroups.Unit{CPUs: 4, Memory: 8 << 30}, `{}`, 4},
		{cgroups.Unit{CPUs: 4, Memory: 8 << 30}, `{"memory_max": "1G"}`, 4},
		{cgroups.Unit{CPUs: 4, Memory: 8 << 30}, `{"memory_max": "3G"}`, 2},
		{cgroups.Unit{CPUs: 4, Memory: 8 << 30}, `{"memory_max": "40%"}`, 2},
		{cgroups.Unit{CPUs: 4, Memory: 8 << 30}, `{"memory_max": "9G"}`, 1},
		{cgroups.Unit{CPUs: 4, Memory: 8 << 30}, `{"memory_max": "infinity"}`, 4},
		{cgroups.Unit{CPUs: 4}, `{"memory_max": "1G"}`, 4},
		{cgroups.Unit{}, `{"memory_max": "1G"}`, 0},
	} {
		if got := Capacity(tt.unit, limitsOf(t, tt.limits)); got != tt.want {
			t.Errorf("Capacity(%+v, %s) = %d, want %d", tt.unit, tt.limits, got, tt.want)
		}
	}
}
