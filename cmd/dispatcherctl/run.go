package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"dispatcherd/control"
	"dispatcherd/daemon/message"
)

// submission is one call of the run command.
type submission struct {
	opts         *options
	arguments    taskArguments
	queue, uuid  string
	delay, limit seconds
	duplicate    choice
	replyTimeout seconds
	wait         bool
}

// newRun returns the command that submits a task.
func newRun(opts *options, spec control.Spec) *cobra.Command {
	s := &submission{opts: opts, duplicate: choice{from: []string{"parallel", "serial", "discard", "queue_one"}}}
	cmd := &cobra.Command{
		Use:   "run TASK",
		Short: spec.Help,
		Long: `Submit a task and print its uuid.

With --wait, stay until the task has ended and print how: its outcome, run time and result. The exit code is then 0
only if the task succeeded. An interrupt (Ctrl-C) ends the waiting, not the task.

With --broker pg_notify, every daemon that listens on the channel runs the task, and --wait is not possible.`,
		Example: `  dispatcherctl run app.tasks.mail --arg 42 --arg '"text"' --kwarg 'to=["a@example.org"]'
  dispatcherctl run app.tasks.login --kwargs-file - --wait < secrets.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("run needs exactly one task, got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return s.run(cmd, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&s.arguments.args, "arg", nil, "`JSON` value of the next positional argument; may be repeated")
	flags.StringArrayVar(&s.arguments.kwargs, "kwarg", nil, "named argument as `NAME=JSON`; may be repeated. A command line is public:\n"+
		"every user of the machine can read it. What --kwargs-file - reads is not")
	flags.StringVar(&s.arguments.file, "kwargs-file", "", "`FILE` with a JSON object of named arguments, or - for standard input")
	flags.StringArrayVar(&s.arguments.limits, "limit", nil, "what the task may take, as `NAME=VALUE` such as memory_max=512M; may be repeated")
	flags.StringVar(&s.queue, "queue", "", "`CHANNEL` that the task is labelled with")
	flags.StringVar(&s.uuid, "uuid", "", "label of the task (default a random uuid)")
	flags.Var(&s.delay, "delay", "how long to wait before the task starts")
	flags.Var(&s.limit, "timeout", "how long the task may run")
	flags.Var(&s.duplicate, "on-duplicate", "what to do when the same task is there already: parallel, serial, discard or queue_one")
	flags.Var(&s.replyTimeout, "reply-timeout", "how long to wait until the task is accepted (default 5s)")
	flags.BoolVar(&s.wait, "wait", false, "wait until the task has ended")
	for _, name := range []string{"delay", "timeout", "reply-timeout"} { // their zero means that nothing is sent
		flags.Lookup(name).DefValue = "0"
	}
	return cmd
}

func (s *submission) run(cmd *cobra.Command, task string) error {
	data, err := s.data(cmd, task)
	if err != nil {
		return err
	}
	if !cmd.Flags().Changed("reply-timeout") {
		s.replyTimeout = s.opts.timeout
	}
	if s.replyTimeout == 0 {
		return errNoTime
	}
	way, err := s.opts.way()
	if err != nil {
		return err
	}
	if way == brokerPostgres && s.wait {
		return usage("run --wait needs the control socket: it does not go with --broker %s", brokerPostgres)
	}
	accepting, cancel := context.WithTimeout(cmd.Context(), time.Duration(s.replyTimeout))
	defer cancel()
	request := control.Request{Command: "run", Data: data, Wait: s.wait}
	if way == brokerPostgres {
		return s.publish(accepting, request)
	}
	client, err := s.opts.dial(accepting)
	if err != nil {
		return late(err, s.replyTimeout)
	}
	defer client.Close()
	reply, err := client.Request(accepting, request)
	if err != nil {
		return late(err, s.replyTimeout)
	}
	if err := refusal(reply); err != nil {
		return err
	}
	if err := s.printUUID(); err != nil || !s.wait {
		return err
	}
	return s.waitForEnd(cmd.Context(), client)
}

// publish submits the task to all daemons that listen on a channel of Postgres.
func (s *submission) publish(ctx context.Context, request control.Request) error {
	replies, err := s.opts.notify(ctx, request)
	if err != nil {
		return late(err, s.replyTimeout)
	}
	result := verdict(replies, s.opts.expected, true)
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		result = err
	}
	if result == nil || slices.ContainsFunc(replies, accepts) {
		if err := s.printUUID(); err != nil {
			return err
		}
	}
	return result
}

// accepts says whether a reply is that of a daemon that has taken the task.
func accepts(reply any) bool {
	object, ok := reply.(map[string]any)
	return ok && refusal(object) == nil
}

func (s *submission) printUUID() error {
	if _, err := fmt.Fprintln(s.opts.std.out, s.uuid); err != nil {
		return fmt.Errorf("write the uuid: %w", err)
	}
	return nil
}

// data is the message of the task. What was not given is left to the daemon.
func (s *submission) data(cmd *cobra.Command, task string) (map[string]any, error) {
	args, err := s.arguments.positional()
	if err != nil {
		return nil, err
	}
	kwargs, err := s.arguments.named(s.opts.std.in)
	if err != nil {
		return nil, err
	}
	limits, err := s.arguments.limited()
	if err != nil {
		return nil, err
	}
	if s.uuid == "" {
		s.uuid = newUUID()
	}
	published := strconv.FormatFloat(float64(time.Now().UnixMicro())/1e6, 'f', 6, 64)
	data := map[string]any{"task": task, "uuid": s.uuid, "time_pub": message.Number(published)}
	if len(args) > 0 {
		data["args"] = args
	}
	if len(kwargs) > 0 {
		data["kwargs"] = kwargs
	}
	if len(limits) > 0 {
		data["limits"] = limits
	}
	if cmd.Flags().Changed("delay") {
		data["delay"] = s.delay.number()
	}
	if cmd.Flags().Changed("timeout") {
		data["timeout"] = s.limit.number()
	}
	if s.duplicate.text != "" {
		data["on_duplicate"] = s.duplicate.text
	}
	if s.queue != "" {
		data["channel"] = s.queue
	}
	return data, nil
}

func (s *submission) waitForEnd(ctx context.Context, client *control.Client) error {
	reply, err := client.NextReply(ctx)
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%w; task %s goes on", errInterrupted, s.uuid)
	case err != nil:
		return fmt.Errorf("cannot say how task %s ends: %w", s.uuid, err)
	}
	if err := refusal(reply); err != nil {
		return err
	}
	ended, ok := reply["ended"].(map[string]any)
	if !ok {
		return fmt.Errorf("cannot say how task %s ended: the reply does not tell", s.uuid)
	}
	if _, err := io.WriteString(s.opts.std.out, s.opts.renderEnd(ended)); err != nil {
		return fmt.Errorf("write how the task ended: %w", err)
	}
	if ended["outcome"] != "succeeded" {
		return errUnsuccessful
	}
	return nil
}
