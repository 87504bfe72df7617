package dispatch

import "time"

// alarm is the one timer of the loop.
type alarm struct {
	timer *time.Timer
	at    time.Time // zero: not set
}

// newAlarm returns an alarm that is not set.
func newAlarm() *alarm {
	timer := time.NewTimer(0)
	timer.Stop()
	return &alarm{timer: timer}
}

// set makes the alarm ring at the earliest of times; zero times do not count.
func (a *alarm) set(now time.Time, times ...time.Time) {
	var at time.Time
	for _, t := range times {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if at.Equal(a.at) {
		return
	}
	a.at = at
	if at.IsZero() {
		a.timer.Stop()
		return
	}
	a.timer.Reset(at.Sub(now))
}

// rang must follow each ring.
func (a *alarm) rang() { a.at = time.Time{} }
