package daemon

import (
	"context"
	"fmt"

	"dispatcherd/control"
	"dispatcherd/control/commands"
	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/message"
)

// request takes a control request in, and carries it out now or when its delay is over.
func (in *intake) request(ctx context.Context, i Incoming, m *message.Message) error {
	n := in.received.Add(1) - 1
	switch {
	case !i.Access.Permits(m.Control):
		in.refuse(ctx, i, m)
		return nil
	case m.Delay > 0:
		return in.delay(ctx, i, m, n)
	}
	answer := in.answer(ctx, i, m)
	if m.ReplyTo == "" {
		return nil
	}
	in.reply(ctx, i, m, answer)
	if answer.Ended != nil {
		in.awaitEnd(ctx, i, m, answer.Ended)
	}
	return nil
}

// awaitEnd sends the second reply, once the task has ended that was submitted.
func (in *intake) awaitEnd(ctx context.Context, i Incoming, m *message.Message, ended <-chan dispatch.Ended) {
	release := i.Hold()
	in.later(func() {
		defer release()
		select {
		case e := <-ended:
			in.reply(ctx, i, m, commands.Answer{Reply: commands.Ended(e)})
		case <-ctx.Done():
		}
	})
}

// refuse answers a request that may not be made the way that it came.
func (in *intake) refuse(ctx context.Context, i Incoming, m *message.Message) {
	in.controls.Add(1)
	in.rejected.Add(1)
	err := fmt.Errorf("control request %q is refused: %s is %q; set it to %q to permit every command this way",
		m.Control, i.AccessKey, string(i.Access), string(control.FullAccess))
	in.log.Warn("control request is refused", "command", m.Control, "channel", i.Channel, "err", err)
	if m.ReplyTo != "" {
		in.reply(ctx, i, m, commands.Failed(err))
	}
}

// delay holds a request until its time has come. Nobody waits for its reply by then.
func (in *intake) delay(ctx context.Context, i Incoming, m *message.Message, n uint64) error {
	in.label(m, i.Channel, n)
	return in.dispatcher.Delay(m, func() {
		in.later(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), controlBound)
			defer cancel()
			in.answer(ctx, i, m)
			if m.ReplyTo != "" {
				in.log.Warn("reply to a delayed control request is dropped", "command", m.Control, "channel", i.Channel, "uuid", m.UUID)
			}
		})
	})
}

// answer carries out a request. Why one failed is logged if its sender will not hear it.
func (in *intake) answer(ctx context.Context, i Incoming, m *message.Message) commands.Answer {
	if i.Peer != nil {
		in.log.Debug("control request", "command", m.Control, "peer", i.Peer.String())
	}
	answer := in.carryOut(ctx, m.Control, commands.Call{Data: m.ControlData, Wait: m.Wait})
	if text, failed := answer.Reply["error"]; failed && (m.ReplyTo == "" || m.Delay > 0) {
		in.log.Warn("control request whose reply nobody gets was not carried out", "command", m.Control, "channel", i.Channel, "err", text)
	}
	return answer
}

// carryOut counts a command, wherever it comes from, and does it.
func (in *intake) carryOut(ctx context.Context, command string, c commands.Call) commands.Answer {
	in.controls.Add(1)
	return in.commands.Do(ctx, command, c)
}

func (in *intake) reply(ctx context.Context, i Incoming, m *message.Message, answer commands.Answer) {
	object := append(answer.Object(), message.Member{Name: "node_id", Value: in.nodeID})
	if err := i.Reply(ctx, m.ReplyTo, message.Encode(object)); err != nil {
		in.log.Warn("reply could not be sent", "command", m.Control, "channel", i.Channel, "err", err)
	}
}
