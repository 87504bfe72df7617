package message

import (
	"crypto/sha256"
	"time"
)

type digest = [sha256.Size]byte

// repeats knows which chunked messages have come whole lately, so that one whose chunks all come a second time is told from a new one.
// It keeps 64 bytes and some overhead for each.
type repeats struct {
	texts map[digest]digest // of the text, by that of the message's id
	order []arrival         // the oldest in front
}

// arrival is the first time that a message came whole.
type arrival struct {
	id digest
	at time.Time
}

// again notes a message that has come whole and tells whether it has before.
func (r *repeats) again(id string, text []byte, now time.Time) bool {
	key, sum := sha256.Sum256([]byte(id)), sha256.Sum256(text)
	before, known := r.texts[key]
	if known && before == sum {
		return true
	}
	if !known {
		r.order = append(r.order, arrival{key, now})
	}
	r.texts[key] = sum
	return false
}

// forget drops what is older than timeout, if that is more than 0, and the oldest beyond most.
func (r *repeats) forget(now time.Time, timeout time.Duration, most int) {
	for len(r.order) > max(most, 0) || len(r.order) > 0 && timeout > 0 && now.Sub(r.order[0].at) >= timeout {
		delete(r.texts, r.order[0].id)
		r.order = r.order[1:]
	}
}
