package config

import (
	"crypto/rand"
	"fmt"
)

// newNodeID returns a random name, a UUID of version 4: the original has a new one at each
// start where the file has none.
func newNodeID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails, see crypto/rand
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
