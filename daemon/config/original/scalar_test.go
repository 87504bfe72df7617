package original

import (
	"errors"
	"testing"
)

// The values are those that PyYAML's safe_load makes; a test in tests/ compares with it.
func TestWordsAreReadAsYAML11HasThem(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]any{
		"": nil, "~": nil, "null": nil, "Null": nil, "NULL": nil, "nULL": "nULL",
		"yes": true, "On": true, "TRUE": true, "true": true, "y": "y", "tRue": "tRue",
		"no": false, "off": false, "False": false, "n": "n",
		"0": int64(0), "12": int64(12), "-3": int64(-3), "+3": int64(3), "1_000": int64(1000),
		"010": int64(8), "-010": int64(-8), "09": "09", "0o10": "0o10",
		"0x1F": int64(31), "-0x1F": int64(-31), "0b101": int64(5),
		"1:30": int64(90), "-1:30": int64(-90), "1:2:3": int64(3723), "1:60": "1:60",
		"1.5": 1.5, "-.5": "-.5", ".5": 0.5, "1.": 1.0, "1.0e+3": 1000.0, "1e3": "1e3", "1.0e3": "1.0e3", "1_0.5": 10.5, "1:30.5": 90.5,
		"2026-13": "2026-13", "=": "=", "<<": "<<", "a b": "a b", "9223372036854775807": int64(9223372036854775807),
	} {
		if got, err := plainWord(word); got != want || err != nil {
			t.Errorf("plainWord(%q) = %#v, %v, want %#v", word, got, err, want)
		}
	}
}

func TestWordsThatJSONLacks(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]error{
		".inf": errNoNumber, "-.INF": errNoNumber, ".NaN": errNoNumber, "1.0e+400": errNoNumber,
		"9223372036854775808": errLong, "0xffffffffffffffffff": errLong, "9999999999999999:00": errLong,
		"2026-01-02": errDate, "2026-1-2T3:04:05Z": errDate, "2026-01-02 03:04:05.6 +01:00": errDate,
	} {
		if got, err := plainWord(word); !errors.Is(err, want) || !errors.Is(err, errNotJSON) {
			t.Errorf("plainWord(%q) = %v, %v, want %v", word, got, err, want)
		}
	}
}
