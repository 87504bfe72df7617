package cgroups

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// form is how a quantity was given.
type form uint8

const (
	unset form = iota
	number
	percent
	infinite
)

// quantity is the value of a limit. The zero value is one that was not given.
type quantity struct {
	form form
	n    int64 // of a number or a percentage
}

// IsSet says whether the limit was given.
func (a quantity) IsSet() bool { return a.form != unset }

// Number is the value, once Resolve has made a number of it; ok is false where there is no limit.
func (a quantity) Number() (n int64, ok bool) { return a.n, a.form == number }

// of makes a number of a percentage.
func (a quantity) of(whole int64) quantity {
	if a.form != percent {
		return a
	}
	if whole <= 0 {
		return quantity{form: infinite} // of how much is not known
	}
	return quantity{number, whole/100*a.n + whole%100*a.n/100}
}

// atMost says whether a is no more than b: to give no limit is to give none at all.
func (a quantity) atMost(b quantity) bool { return a.rank() <= b.rank() }

func (a quantity) rank() int64 {
	if a.form == number {
		return a.n
	}
	return math.MaxInt64
}

// plain is the text of what is no number.
func (a quantity) plain() string {
	switch a.form {
	case percent:
		return strconv.FormatInt(a.n, 10) + "%"
	case infinite:
		return "infinity"
	case number:
		return strconv.FormatInt(a.n, 10)
	default:
		return ""
	}
}

var (
	errSize    = errors.New(`a size such as "512M", a percentage such as "50%", or "infinity"`)
	errQuota   = errors.New(`a percentage of one CPU such as "150%", or "infinity"`)
	errWeight  = errors.New("an integer from 1 to 10000")
	errTasks   = errors.New(`an integer of at least 1, a percentage such as "50%", or "infinity"`)
	errPercent = errors.New("a percentage of at most 100%")
)

const (
	maxSize   = 1 << 60
	maxQuota  = 1_000_000 // percent: 10 000 CPUs
	maxWeight = 10_000
	maxTasks  = 1 << 40
)

var sizeUnits = []struct {
	letter string
	bytes  int64
}{{"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}}

// parseSize reads what systemd.resource-control(5) calls bytes or a percentage: K, M, G
// and T are powers of 1024.
func parseSize(text string) (quantity, error) {
	if a, err, ok := parseCommon(text, 100); ok {
		return a, err
	}
	unit := int64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(text, u.letter); ok {
			text, unit = rest, u.bytes
		}
	}
	if strings.Trim(text, "0123456789.") != "" {
		return quantity{}, errSize
	}
	f, err := strconv.ParseFloat(text, 64)
	if bytes := f * float64(unit); err == nil && bytes <= maxSize {
		return quantity{number, int64(bytes)}, nil
	}
	return quantity{}, errSize
}

func (s Size) String() string {
	if s.form == number && s.n > 0 {
		for _, u := range sizeUnits {
			if s.n%u.bytes == 0 {
				return strconv.FormatInt(s.n/u.bytes, 10) + u.letter
			}
		}
	}
	return s.plain()
}

func parseQuota(text string) (quantity, error) {
	a, err, ok := parseCommon(text, maxQuota)
	if !ok || err != nil || a.form == percent && a.n < 1 {
		return quantity{}, errQuota
	}
	if a.form == percent {
		a.form = number // of hundredths of a CPU: of nothing that would have to be known
	}
	return a, nil
}

func (q Quota) String() string {
	if q.form == number {
		return q.plain() + "%"
	}
	return q.plain()
}

func parseWeight(text string) (quantity, error) {
	n, err := whole(text, maxWeight)
	if err != nil || n < 1 {
		return quantity{}, errWeight
	}
	return quantity{number, n}, nil
}

func (w Weight) String() string { return w.plain() }

func parseTasks(text string) (quantity, error) {
	if a, err, ok := parseCommon(text, 100); ok {
		return a, err
	}
	n, err := whole(text, maxTasks)
	if err != nil || n < 1 {
		return quantity{}, errTasks
	}
	return quantity{number, n}, nil
}

func (t Tasks) String() string { return t.plain() }

// parseCommon reads "infinity" and percentages up to most; ok is false for anything else.
func parseCommon(text string, most int64) (a quantity, err error, ok bool) {
	if text == "infinity" {
		return quantity{form: infinite}, nil, true
	}
	digits, ok := strings.CutSuffix(text, "%")
	if !ok {
		return quantity{}, nil, false
	}
	n, err := whole(digits, most)
	if err != nil {
		return quantity{}, errPercent, true
	}
	return quantity{percent, n}, nil, true
}

// whole reads digits.
func whole(text string, most int64) (int64, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	if err == nil && int64(n) > most {
		err = strconv.ErrRange
	}
	return int64(n), err
}
