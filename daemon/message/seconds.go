package message

import (
	"fmt"
	"math"
	"time"
)

// timeoutOf reads a time limit. What is falsy and an infinite time are no limit; a time in the past is over at once.
func timeoutOf(raw []byte) (time.Duration, error) {
	s, err := secondsOf("timeout", raw)
	switch {
	case err != nil, s == 0, math.IsInf(s, 1):
		return 0, err
	case s < 0:
		return 1, nil
	default:
		return durationOf(s), nil
	}
}

// delayOf reads a delay. What is falsy or negative is no delay; an infinite one is an error, as its task would never run.
func delayOf(raw []byte) (time.Duration, error) {
	s, err := secondsOf("delay", raw)
	switch {
	case err != nil, s <= 0:
		return 0, err
	case math.IsInf(s, 1):
		return 0, fmt.Errorf("delay: must be a finite number of seconds, got an infinite one")
	default:
		return durationOf(s), nil
	}
}

// secondsOf is the value as Python would calculate with it, where it can: true is 1, what is falsy is 0.
func secondsOf(key string, raw []byte) (float64, error) {
	if raw == nil || isFalsy(raw) {
		return 0, nil
	}
	switch kind := kindOf(raw); kind {
	case kindBool:
		return 1, nil
	case kindNumber:
		f := floatOf(raw)
		if math.IsNaN(f) {
			return 0, fmt.Errorf("%s: must be a number of seconds, got NaN", key)
		}
		return f, nil
	default:
		return 0, fmt.Errorf("%s: must be a number of seconds, got %s", key, kind)
	}
}

// durationOf converts a positive number of seconds: at least 1 ns, at most what a Duration holds.
func durationOf(s float64) time.Duration {
	ns := math.Round(s * float64(time.Second))
	switch {
	case ns < 1:
		return 1
	case ns >= math.MaxInt64:
		return math.MaxInt64
	default:
		return time.Duration(ns)
	}
}
