package daemon

import (
	"context"

	"dispatcherd/control"
)

// Incoming is one message text as a source brought it in.
type Incoming struct {
	Payload []byte // belongs to the receiver
	Channel string
	// Peer is who sent it; nil when the source cannot know.
	Peer *control.Peer
	// Access is what a control request may ask for that comes this way, AccessKey the
	// option that says so; "" where there is none.
	Access    control.Access
	AccessKey string
	// Reply answers a request whose reply_to is set. It may be called later and
	// more than once.
	Reply func(ctx context.Context, replyTo string, text []byte) error
	// Hold keeps the way back open until release is called.
	Hold func() (release func())
}

// Source brings messages in. To add one is a package of its own and a line in
// assemble.go.
type Source interface {
	// Name is the source's name in the reply to producers.
	Name() string
	// Run calls handle for each message, in order, until ctx ends.
	Run(ctx context.Context, handle func(context.Context, Incoming)) error
	// Describe tells what the producers command shows.
	Describe() map[string]any
	// Rejected is how many messages it has dropped before handle could see them.
	Rejected() uint64
}
