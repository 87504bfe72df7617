package original

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// The original's library reads YAML 1.1 (https://yaml.org/type/), in which yes is true,
// 010 is 8, 1:30 is 90, and 1e3, which has no point, is text.
var (
	nullWord  = regexp.MustCompile(`^(?:~|null|Null|NULL)?$`)
	trueWord  = regexp.MustCompile(`^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$`)
	falseWord = regexp.MustCompile(`^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$`)

	binary  = regexp.MustCompile(`^[-+]?0b[01_]+$`)
	octal   = regexp.MustCompile(`^[-+]?0[0-7_]+$`)
	hex     = regexp.MustCompile(`^[-+]?0x[0-9a-fA-F_]+$`)
	decimal = regexp.MustCompile(`^[-+]?(?:0|[1-9][0-9_]*)$`)
	sixties = regexp.MustCompile(`^[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+$`)

	float        = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?$`)
	sixtiesFloat = regexp.MustCompile(`^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*$`)
	noNumber     = regexp.MustCompile(`^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)

	date = regexp.MustCompile(`^\d{4}-(?:\d\d-\d\d|\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)$`)
)

// errNotJSON is what is wrong with a value that YAML has and JSON has not, nor a message.
// It does not matter in what the original does not read.
var errNotJSON = errors.New("must be")

var (
	errDate     = fmt.Errorf("%w quoted where it is a date: JSON, in which workers get their settings, has none", errNotJSON)
	errNoNumber = fmt.Errorf("%w a number that JSON has", errNotJSON)
	errLong     = fmt.Errorf("%w a number of at most 64 bits", errNotJSON)
)

// notJSON stands for such a value.
type notJSON struct{ why error }

// plainWord returns what an unquoted word stands for.
func plainWord(s string) (any, error) {
	switch {
	case nullWord.MatchString(s):
		return nil, nil
	case trueWord.MatchString(s):
		return true, nil
	case falseWord.MatchString(s):
		return false, nil
	case isInteger(s):
		return integer(s)
	case noNumber.MatchString(s):
		return nil, errNoNumber
	case float.MatchString(s), sixtiesFloat.MatchString(s):
		return floating(s)
	case date.MatchString(s):
		return nil, errDate
	}
	return s, nil
}

func isInteger(s string) bool {
	for _, form := range []*regexp.Regexp{decimal, octal, hex, binary, sixties} {
		if form.MatchString(s) {
			return true
		}
	}
	return false
}

// integer reads a text that isInteger.
func integer(s string) (any, error) {
	s = strings.ReplaceAll(s, "_", "")
	if strings.Contains(s, ":") {
		v, err := sexagesimal(s)
		if math.Abs(v) > 1<<53 {
			err = errLong
		}
		return int64(v), err
	}
	sign, digits := "", strings.TrimLeft(s, "+-")
	if strings.HasPrefix(s, "-") {
		sign = "-"
	}
	base := 10
	switch {
	case strings.HasPrefix(digits, "0x"):
		base, digits = 16, digits[2:]
	case strings.HasPrefix(digits, "0b"):
		base, digits = 2, digits[2:]
	case strings.HasPrefix(digits, "0") && digits != "0":
		base, digits = 8, digits[1:]
	}
	v, err := strconv.ParseInt(sign+digits, base, 64)
	if errors.Is(err, strconv.ErrRange) {
		return nil, errLong
	}
	if err != nil {
		return nil, errors.New("must be a number with a digit in it")
	}
	return v, nil
}

func floating(s string) (any, error) {
	s = strings.ReplaceAll(s, "_", "")
	if strings.Contains(s, ":") {
		return sexagesimal(s)
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil { // too large: Python takes it for infinity
		return nil, errNoNumber
	}
	return v, nil
}

// sexagesimal reads 1:30:00, minutes or hours and what they are made of.
func sexagesimal(s string) (float64, error) {
	total := 0.0
	for _, part := range strings.Split(strings.TrimLeft(s, "+-"), ":") {
		v, err := strconv.ParseFloat(part, 64)
		if err != nil {
			return 0, errNoNumber
		}
		total = total*60 + v
	}
	if math.IsInf(total, 0) {
		return 0, errNoNumber
	}
	if strings.HasPrefix(s, "-") {
		total = -total
	}
	return total, nil
}
