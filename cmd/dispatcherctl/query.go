package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"dispatcherd/control"
	"dispatcherd/daemon/message"
)

var errNoTime = usage("the time to wait for a reply must be more than 0")

// newQuery returns a command that is its control command and nothing more: an option for each argument, the reply
// printed.
func newQuery(opts *options, spec control.Spec) *cobra.Command {
	cmd := &cobra.Command{Use: spec.Name, Short: spec.Help, Args: noArgs}
	for _, arg := range spec.Args {
		cmd.Flags().String(arg.Name, "", arg.Help)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		data, err := queryData(cmd, spec)
		if err != nil {
			return err
		}
		_, err = opts.query(cmd.Context(), control.Request{Command: spec.Name, Data: data})
		return err
	}
	return cmd
}

// queryData holds the options that were given; the others are not sent.
func queryData(cmd *cobra.Command, spec control.Spec) (map[string]any, error) {
	data := map[string]any{}
	for _, arg := range spec.Args {
		text, _ := cmd.Flags().GetString(arg.Name)
		switch {
		case text == "" && arg.Required:
			return nil, usage("%s needs --%s", spec.Name, arg.Name)
		case text == "":
			continue
		case arg.Type == "text":
			data[arg.Name] = text
		default:
			value, err := message.Decode([]byte(text))
			if _, isNumber := value.(message.Number); err != nil || arg.Type == "number" && !isNumber {
				return nil, usage("--%s is not a %s value", arg.Name, arg.Type)
			}
			data[arg.Name] = value
		}
	}
	return data, nil
}

// query sends a request, prints what is answered and returns it.
func (o *options) query(ctx context.Context, request control.Request) ([]any, error) {
	if o.timeout == 0 {
		return nil, errNoTime
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(o.timeout))
	defer cancel()
	replies, err := o.ask(ctx, request)
	if err != nil {
		return nil, late(err, o.timeout)
	}
	if _, err := io.WriteString(o.std.out, o.render(request.Command, replies)); err != nil {
		return nil, fmt.Errorf("write the reply: %w", err)
	}
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return nil, err
	}
	return replies, verdict(replies, o.expected)
}

// verdict is what is wrong with the replies: errors among them, by node, and that they are too few.
func verdict(replies []any, expected int) error {
	var problems []error
	for _, r := range replies {
		reply, _ := r.(map[string]any)
		if err := refusal(reply); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", cell(reply["node_id"]), err))
		}
	}
	if len(replies) < expected {
		problems = append(problems, fmt.Errorf("obtained only %d of %d replies", len(replies), expected))
	}
	return errors.Join(problems...)
}

// ask sends a request to one daemon over its socket, or to all that listen on a
// channel of Postgres.
func (o *options) ask(ctx context.Context, request control.Request) ([]any, error) {
	if o.broker.text == brokerPostgres {
		return o.notify(ctx, request)
	}
	client, err := o.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	reply, err := client.Request(ctx, request)
	if err == nil {
		err = refusal(reply)
	}
	return []any{reply}, err
}

func (o *options) dial(ctx context.Context) (*control.Client, error) {
	path, err := o.socketPath()
	if err != nil {
		return nil, err
	}
	return control.Dial(ctx, path)
}

// late says how long was waited.
func late(err error, limit seconds) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w after %s", err, &limit)
	}
	return err
}

// refusal is the error that a reply consists of.
func refusal(reply map[string]any) error {
	text, ok := reply["error"]
	if !ok {
		return nil
	}
	if s, ok := text.(string); ok {
		return fmt.Errorf("%s", s)
	}
	return fmt.Errorf("%s", message.Encode(text))
}
