package pgnotify

import "time"

// Stats is what a listener says of itself at one moment.
type Stats struct {
	Channels   []string
	Connected  bool          // it listens now
	Since      time.Time     // when Connected last changed; zero before the first connection
	Received   uint64        // notifications handed on
	Reconnects uint64        // times it listened again after a loss
	LastGap    time.Duration // the last time without LISTEN, in which notifications were lost; 0 when there was none
	Outages    time.Duration // all such times together, the present one included
	LastError  string        // one line, without conninfo and password; "" when nothing went wrong yet
	SelfCheck  SelfCheck
}

// SelfCheck is how the server answered the checks of an idle connection.
type SelfCheck struct {
	Enabled bool          // an idle connection is checked at all
	Count   int           // checks that were answered well
	Total   time.Duration // what they took together
	Max     time.Duration // what the slowest of them took
}

// Average returns what a check took on average, 0 before the first.
func (s SelfCheck) Average() time.Duration {
	if s.Count == 0 {
		return 0
	}
	return s.Total / time.Duration(s.Count)
}
