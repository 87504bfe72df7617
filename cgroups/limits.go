package cgroups

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Size is an amount of memory, as "512M" (powers of 1024), "50%" of what the unit may use,
// or "infinity".
type Size struct{ quantity }

// Quota is CPU time against the clock, as "150%" of one CPU, or "infinity".
type Quota struct{ quantity }

// Weight is a share against those of the other groups, from 1 to 10000.
type Weight struct{ quantity }

// Tasks is a number of processes and threads, as 64, "50%" of what the unit may have, or
// "infinity".
type Tasks struct{ quantity }

// Limits are what a group may use. What is not set is not limited, or has the kernel's
// usual weight, which is 100. Two that are equal limit the same. The words are those of
// systemd.resource-control(5).
type Limits struct {
	// MemoryHigh is the memory above which the group is slowed down and has to give back.
	MemoryHigh Size `toml:"memory_high" json:"memory_high,omitzero"`
	// MemoryMax is the memory above which the kernel ends processes of the group.
	MemoryMax Size `toml:"memory_max" json:"memory_max,omitzero"`
	// SwapMax is how much of the group may be swapped out.
	SwapMax Size `toml:"swap_max" json:"swap_max,omitzero"`
	// CPUQuota is how much CPU time the group gets at most.
	CPUQuota Quota `toml:"cpu_quota" json:"cpu_quota,omitzero"`
	// CPUWeight is the share of CPU time when there is not enough for all groups.
	CPUWeight Weight `toml:"cpu_weight" json:"cpu_weight,omitzero"`
	// IOWeight is the same for block devices.
	IOWeight Weight `toml:"io_weight" json:"io_weight,omitzero"`
	// TasksMax is how many processes and threads the group may have.
	TasksMax Tasks `toml:"tasks_max" json:"tasks_max,omitzero"`
}

// limitKeys are the fields by the names that people write, in the order of Limits.
var limitKeys = []limitKey{
	{"memory_high", parseSize, func(l *Limits) *quantity { return &l.MemoryHigh.quantity }, func(a quantity) string { return Size{a}.String() }},
	{"memory_max", parseSize, func(l *Limits) *quantity { return &l.MemoryMax.quantity }, func(a quantity) string { return Size{a}.String() }},
	{"swap_max", parseSize, func(l *Limits) *quantity { return &l.SwapMax.quantity }, func(a quantity) string { return Size{a}.String() }},
	{"cpu_quota", parseQuota, func(l *Limits) *quantity { return &l.CPUQuota.quantity }, func(a quantity) string { return Quota{a}.String() }},
	{"cpu_weight", parseWeight, func(l *Limits) *quantity { return &l.CPUWeight.quantity }, quantity.plain},
	{"io_weight", parseWeight, func(l *Limits) *quantity { return &l.IOWeight.quantity }, quantity.plain},
	{"tasks_max", parseTasks, func(l *Limits) *quantity { return &l.TasksMax.quantity }, quantity.plain},
}

type limitKey struct {
	name  string
	parse func(text string) (quantity, error)
	of    func(*Limits) *quantity
	show  func(quantity) string
}

// ParseLimits reads a JSON object with the keys of Limits; a size may be a number of
// bytes, and null is what is not set.
func ParseLimits(text []byte) (Limits, error) {
	var values map[string]json.RawMessage
	if json.Unmarshal(text, &values) != nil {
		return Limits{}, errors.New("limits: must be an object")
	}
	var l Limits
	for _, name := range slices.Sorted(maps.Keys(values)) {
		i := slices.IndexFunc(limitKeys, func(k limitKey) bool { return k.name == name })
		if i < 0 {
			return Limits{}, fmt.Errorf("limits: unknown key %.60q; there are %s", name, strings.Join(LimitNames(), ", "))
		}
		value := string(values[name])
		if value == "null" {
			continue
		}
		var s string
		if json.Unmarshal(values[name], &s) != nil {
			s = value
		}
		var err error
		if *limitKeys[i].of(&l), err = limitKeys[i].parse(s); err != nil {
			return Limits{}, fmt.Errorf("limits.%s: must be %w, got %.60q", name, err, s)
		}
	}
	return l, l.Check("limits")
}

// LimitNames are the keys that limits have.
func LimitNames() []string {
	names := make([]string, len(limitKeys))
	for i, k := range limitKeys {
		names[i] = k.name
	}
	return names
}

// String is the JSON object of what is set; ParseLimits reads it. Equal limits have equal texts.
func (l Limits) String() string {
	text, err := json.Marshal(l)
	if err != nil {
		return "{}" // it is made of texts
	}
	return string(text)
}

// Names are the keys of what is set.
func (l Limits) Names() (names []string) {
	for _, k := range limitKeys {
		if k.of(&l).IsSet() {
			names = append(names, k.name)
		}
	}
	return names
}

// Check refuses limits that contradict each other; section is where they stand.
func (l Limits) Check(section string) error {
	high, most := l.MemoryHigh, l.MemoryMax
	if high.form == most.form && high.n > most.n {
		return fmt.Errorf("%s.memory_high: must be at most %s.memory_max (%s), got %s", section, section, most, high)
	}
	return nil
}

// With is l where other does not say something else.
func (l Limits) With(other Limits) Limits {
	for _, k := range limitKeys {
		if a := *k.of(&other); a.IsSet() {
			*k.of(&l) = a
		}
	}
	return l
}

// Resolve makes numbers of percentages. A memory_high that memory_max makes pointless is
// left out: they may be of different origins.
func (l Limits) Resolve(u Unit) Limits {
	for _, size := range []*Size{&l.MemoryHigh, &l.MemoryMax, &l.SwapMax} {
		size.quantity = size.of(u.Memory)
	}
	l.TasksMax.quantity = l.TasksMax.of(u.Tasks)
	if l.MemoryHigh.IsSet() && l.MemoryMax.form == number && l.MemoryMax.atMost(l.MemoryHigh.quantity) {
		l.MemoryHigh = Size{}
	}
	return l
}

// Exceeds says which of the limits are more than those of the other, which are set there; both
// must be resolved. nil means none.
func (l Limits) Exceeds(most Limits) error {
	var found []string
	for _, k := range limitKeys {
		mine, bound := *k.of(&l), *k.of(&most)
		if mine.IsSet() && bound.IsSet() && !mine.atMost(bound) {
			found = append(found, fmt.Sprintf("limits.%s: %s is more than the %s that the configuration allows", k.name, k.show(mine), k.show(bound)))
		}
	}
	if len(found) == 0 {
		return nil
	}
	return errors.New(strings.Join(found, "; "))
}

// WithoutMemory is l less what makes the kernel take memory back, or end processes for it.
func (l Limits) WithoutMemory() Limits {
	l.MemoryHigh, l.MemoryMax = Size{}, Size{}
	return l
}

// MarshalText is for JSON.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalText is for JSON.
func (q Quota) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// MarshalText is for JSON.
func (w Weight) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// MarshalText is for JSON.
func (t Tasks) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads the forms above; the error says which there are.
func (s *Size) UnmarshalText(text []byte) (err error) {
	s.quantity, err = parseSize(string(text))
	return err
}

// UnmarshalText reads the forms above; the error says which there are.
func (q *Quota) UnmarshalText(text []byte) (err error) {
	q.quantity, err = parseQuota(string(text))
	return err
}

// UnmarshalText reads the forms above; the error says which there are.
func (w *Weight) UnmarshalText(text []byte) (err error) {
	w.quantity, err = parseWeight(string(text))
	return err
}

// UnmarshalText reads the forms above; the error says which there are.
func (t *Tasks) UnmarshalText(text []byte) (err error) {
	t.quantity, err = parseTasks(string(text))
	return err
}
