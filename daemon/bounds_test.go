package daemon

import "testing"

// Otherwise a stop that meets a request for the memory of workers, over Postgres and while
// the supervisor does not answer, ends with "listener did not stop" and exit code 1.
func TestLongestAnswerLeavesTheListenerTimeToStop(t *testing.T) {
	t.Parallel()
	if longest := measureBound + roomBound; longest >= quick {
		t.Errorf("an answer may take %v and the listener has %v to stop", longest, quick)
	}
}
