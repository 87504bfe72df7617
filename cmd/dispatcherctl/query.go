package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
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
		help := arg.Help
		if len(arg.Choices) > 0 {
			help += ": " + strings.Join(arg.Choices, ", ")
		}
		cmd.Flags().String(optionName(arg), "", help)
		if len(arg.Choices) > 0 {
			offered := cobra.FixedCompletions(arg.Choices, cobra.ShellCompDirectiveNoFileComp)
			_ = cmd.RegisterFlagCompletionFunc(optionName(arg), offered) // the option is there
		}
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		data, err := queryData(cmd, spec)
		if err != nil {
			return err
		}
		_, err = opts.query(cmd.Context(), spec, data)
		return err
	}
	return cmd
}

// optionName is the option for an argument.
func optionName(arg control.Arg) string { return strings.ReplaceAll(arg.Name, "_", "-") }

// queryData holds the options that were given; the others are not sent.
func queryData(cmd *cobra.Command, spec control.Spec) (map[string]any, error) {
	data := map[string]any{}
	for _, arg := range spec.Args {
		option := optionName(arg)
		text, _ := cmd.Flags().GetString(option)
		switch {
		case text == "" && arg.Required:
			return nil, usage("%s needs --%s", spec.Name, option)
		case text == "":
			continue
		case len(arg.Choices) > 0 && !slices.Contains(arg.Choices, text):
			return nil, usage("--%s must be one of %s", option, strings.Join(arg.Choices, ", "))
		case arg.Type == "text":
			data[arg.Name] = text
		default:
			value, err := argument(arg, text)
			if err != nil {
				return nil, err
			}
			data[arg.Name] = value
		}
	}
	return data, nil
}

// argument reads a value that is not text.
func argument(arg control.Arg, text string) (any, error) {
	value, err := message.Decode([]byte(text))
	number, isNumber := value.(message.Number)
	switch {
	case err != nil, arg.Type != "json" && !isNumber, arg.Type == "integer" && !isInteger(number):
		return nil, usage("--%s is not a %s value", optionName(arg), arg.Type)
	}
	return value, nil
}

func isInteger(n message.Number) bool { return !strings.ContainsAny(string(n), ".eENI") }

// query sends a request, prints what is answered and returns it.
func (o *options) query(ctx context.Context, spec control.Spec, data map[string]any) ([]any, error) {
	if o.timeout == 0 {
		return nil, errNoTime
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(o.timeout))
	defer cancel()
	replies, err := o.ask(ctx, control.Request{Command: spec.Name, Data: data})
	if err != nil {
		return nil, late(err, o.timeout)
	}
	if _, err := io.WriteString(o.std.out, o.render(spec.Name, replies)); err != nil {
		return nil, fmt.Errorf("write the reply: %w", err)
	}
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return nil, err
	}
	return replies, verdict(replies, o.expected, spec.Acts)
}

// verdict is what is wrong with the replies: errors among them, by node, and that they are too few. With the Python
// dispatcherctl an error reply is a reply like any other. So it is here for what only reads; but who has asked for
// something to be done, and was refused, must not take it for done.
func verdict(replies []any, expected int, acts bool) error {
	var problems []error
	for _, r := range replies {
		reply, _ := r.(map[string]any)
		if err := refusal(reply); err != nil {
			problems = append(problems, ofNode(reply, err))
		}
	}
	switch {
	case len(replies) < expected:
		problems = append(problems, fmt.Errorf("obtained only %d of %d replies", len(replies), expected))
	case len(problems) > 0 && !acts:
		return &notice{oneLine(errors.Join(problems...).Error())}
	}
	return errors.Join(problems...)
}

// ofNode says which daemon an error is of, if it has told.
func ofNode(reply map[string]any, err error) error {
	if node, ok := reply["node_id"]; ok {
		return fmt.Errorf("%s: %w", cell(node), err)
	}
	return err
}

// ask sends a request to one daemon over its socket, or to all that listen on a
// channel of Postgres.
func (o *options) ask(ctx context.Context, request control.Request) ([]any, error) {
	way, err := o.way()
	if err != nil {
		return nil, err
	}
	if way == brokerPostgres {
		return o.notify(ctx, request)
	}
	client, err := o.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	reply, err := client.Request(ctx, request)
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
