package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"dispatcherd/control"
	"dispatcherd/control/commands"
	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/message"
)

// request takes a control request in, and carries it out now or when its delay is over.
func (in *intake) request(ctx context.Context, i Incoming, m *message.Message) error {
	n := in.received.Add(1) - 1
	if err := i.caller().Command(m.Control); err != nil {
		in.refuse(ctx, i, m, err)
		return nil
	}
	if m.Delay > 0 {
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

// refuse answers a request that its sender may not make.
func (in *intake) refuse(ctx context.Context, i Incoming, m *message.Message, why error) {
	in.controls.Add(1)
	in.rejected.Add(1)
	err := fmt.Errorf("control request %q is refused: %w", m.Control, why)
	in.log.Warn("control request is refused", append(i.from(), "command", m.Control, "err", err)...)
	if m.ReplyTo != "" {
		in.reply(ctx, i, m, commands.Failed(err))
	}
}

// refuseTask answers a task that its sender may not submit: the one case in which a task
// as such has an answer, where there is a way back.
func (in *intake) refuseTask(ctx context.Context, i Incoming, m *message.Message, why error) {
	in.received.Add(1)
	in.rejected.Add(1)
	err := fmt.Errorf("task is refused: %w", why)
	attrs := append(i.from(), "err", err)
	if m.HasUUID {
		attrs = append(attrs, "uuid", m.UUID)
	}
	in.log.Warn("task is refused", attrs...)
	if i.Reply != nil {
		in.reply(ctx, i, m, commands.Failed(err))
	}
}

// delay holds a request until its time has come. Nobody waits for its reply by then.
func (in *intake) delay(ctx context.Context, i Incoming, m *message.Message, n uint64) error {
	in.label(m, i.Channel, n)
	err := in.dispatcher.Delay(m, func() {
		in.later(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), controlBound)
			defer cancel()
			in.answer(ctx, i, m)
			if m.ReplyTo != "" {
				in.log.Warn("reply to a delayed control request is dropped", "command", m.Control, "channel", i.Channel, "uuid", m.UUID)
			}
		})
	})
	if errors.Is(err, dispatch.ErrFull) {
		if m.ReplyTo != "" {
			in.reply(ctx, i, m, commands.Failed(err))
		}
		return nil // its end is counted
	}
	return err
}

// answer carries out a request. Why one failed is logged if its sender will not hear it.
func (in *intake) answer(ctx context.Context, i Incoming, m *message.Message) commands.Answer {
	call := commands.Call{Data: m.ControlData, Wait: m.Wait, Caller: i.caller()}
	answer := in.carryOut(ctx, m.Control, call, i.from)
	if text, failed := answer.Reply["error"]; failed && (m.ReplyTo == "" || m.Delay > 0) {
		in.log.Warn("control request whose reply nobody gets was not carried out", "command", m.Control, "channel", i.Channel, "err", text)
	}
	return answer
}

// carryOut counts a command, wherever it comes from, does it, and logs it; from says who
// has asked for it. What was asked for in detail is not logged.
func (in *intake) carryOut(ctx context.Context, command string, c commands.Call, from func() []any) commands.Answer {
	in.controls.Add(1)
	answer := in.commands.Do(ctx, command, c)
	level, what := slog.LevelDebug, "control request"
	if control.Acts(command) {
		level, what = slog.LevelInfo, "control action"
	}
	if !in.log.Enabled(ctx, level) {
		return answer
	}
	attrs := append([]any{"command", command}, from()...)
	if len(answer.UUIDs) > 0 {
		attrs = append(attrs, "uuid", named(answer.UUIDs))
	}
	if text, failed := answer.Reply["error"]; failed {
		attrs = append(attrs, "err", text)
	}
	in.log.Log(ctx, level, what, attrs...)
	return answer
}

// namedInAction bounds how many tasks the line about an action names.
const namedInAction = 100

// named lists uuids for the log.
func named(uuids []string) string {
	rest := len(uuids) - namedInAction
	if rest <= 0 {
		return strings.Join(uuids, " ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(uuids[:namedInAction], " "), rest)
}

func (in *intake) reply(ctx context.Context, i Incoming, m *message.Message, answer commands.Answer) {
	object := append(answer.Object(), message.Member{Name: "node_id", Value: in.nodeID})
	if err := i.Reply(ctx, m.ReplyTo, message.Encode(object)); err != nil {
		in.log.Warn("reply could not be sent", "command", m.Control, "channel", i.Channel, "err", err)
	}
}
