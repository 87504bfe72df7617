package dispatch

import "time"

// epoch is what moments are counted from.
var epoch = time.Now()

// moment is a time in a third of the room: of the monotonic clock since the epoch, which a change of the clock does not move.
type moment time.Duration

func momentOf(t time.Time) moment { return moment(t.Sub(epoch)) }

func (m moment) time() time.Time { return epoch.Add(time.Duration(m)) }

// until is the time from m to t.
func (m moment) until(t time.Time) time.Duration { return t.Sub(epoch) - time.Duration(m) }
