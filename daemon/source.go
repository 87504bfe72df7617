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
	// Caller decides what is done for whoever sent it; nil is one of whom nothing is known,
	// and who may send tasks only.
	Caller control.Caller
	// Reply answers a request whose reply_to is set. It may be called later and
	// more than once.
	Reply func(ctx context.Context, replyTo string, text []byte) error
	// Stopping is closed when the source is to take nothing more in, so that a task for which
	// there is no room waits no longer; nil stands for the end of the context of handle.
	Stopping <-chan struct{}
	// Hold keeps the way back open until release is called.
	Hold func() (release func())
}

// caller is Caller, who is never nil.
func (i Incoming) caller() control.Caller {
	if i.Caller == nil {
		return control.Unnamed{}
	}
	return i.Caller
}

// from is the sender as the log has him.
func (i Incoming) from() []any {
	return append([]any{"channel", i.Channel}, i.caller().Attrs()...)
}

// Source brings messages in. To add one is a package of its own and a line in
// assemble.go.
type Source interface {
	// Name is the source's name in the reply to producers.
	Name() string
	// Run calls handle for each message, in order, until ctx ends. While the queue is full, handle
	// may take until it has room again.
	Run(ctx context.Context, handle func(context.Context, Incoming)) error
	// Describe tells what the producers command shows.
	Describe() map[string]any
	// Rejected is how many messages it has dropped before handle could see them.
	Rejected() uint64
}
