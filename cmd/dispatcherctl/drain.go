package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"dispatcherd/control"
)

// askAgain is how often a drain asks what still runs.
const askAgain = 500 * time.Millisecond

// drainage is one call of the drain command.
type drainage struct {
	opts           *options
	spec           control.Spec
	limit          seconds
	resume, noWait bool
}

// newDrain returns the command that drains a daemon.
func newDrain(opts *options, spec control.Spec) *cobra.Command {
	d := &drainage{opts: opts, spec: spec}
	cmd := &cobra.Command{
		Use:   spec.Name,
		Short: spec.Help,
		Long: `Have the daemon take nothing new, and wait until nothing runs any more.

What arrives meanwhile is kept and runs after --resume; a daemon that is stopped instead names it in its log as
abandoned. Tasks that are submitted by run are refused, and those of the schedule are left out. An interrupt
(Ctrl-C) ends the waiting, not the drain.

The exit code is 0 once nothing runs, and 1 when --timeout is over before.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&d.resume, "resume", false, "end the drain: take tasks again")
	flags.BoolVar(&d.noWait, "no-wait", false, "do not wait for what runs")
	flags.Var(&d.limit, "timeout", "how long to wait for what runs (default for as long as it takes)")
	flags.Lookup("timeout").DefValue = "0"
	return cmd
}

func (d *drainage) run(cmd *cobra.Command) error {
	way, err := d.opts.way()
	switch {
	case err != nil:
		return err
	case d.resume && cmd.Flags().Changed("timeout"), d.noWait && cmd.Flags().Changed("timeout"):
		return usage("--timeout is for waiting, which is not done with --resume and --no-wait")
	case d.resume:
		_, err := d.opts.query(cmd.Context(), d.spec, map[string]any{"resume": true})
		return err
	case d.noWait:
		_, err := d.opts.query(cmd.Context(), d.spec, nil)
		return err
	case way == brokerPostgres:
		return usage("drain waits over the control socket: with --broker %s it needs --no-wait", brokerPostgres)
	}
	return d.wait(cmd.Context())
}

// wait drains, shows how far that is, and prints what tasks tells at its end.
func (d *drainage) wait(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	if d.limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(d.limit))
	}
	defer cancel()
	p := newProgress(d.opts.std.err)
	tasks, err := d.ask(ctx, d.spec.Name)
	for err == nil {
		running, ok := number(tasks["running"])
		switch {
		case !ok:
			err = errors.New("the daemon does not tell how many tasks run")
		case running == 0:
			p.end()
			return d.print(tasks)
		case tasks["draining"] != true:
			err = fmt.Errorf("the drain was ended by somebody else while %v tasks ran", running)
		default:
			p.show(int(running))
			tasks, err = d.next(ctx)
		}
	}
	p.end()
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		return fmt.Errorf("%d tasks still run after %s; nothing new is taken until drain --resume", p.left, &d.limit)
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w; the drain goes on until drain --resume", errInterrupted)
	}
	return err
}

// next asks again, a moment later.
func (d *drainage) next(ctx context.Context) (map[string]any, error) {
	timer := time.NewTimer(askAgain)
	defer timer.Stop()
	select {
	case <-timer.C:
		return d.ask(ctx, "tasks")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ask asks on a connection of its own, within the time for a reply.
func (d *drainage) ask(ctx context.Context, command string) (map[string]any, error) {
	if d.opts.timeout == 0 {
		return nil, errNoTime
	}
	within, cancel := context.WithTimeout(ctx, time.Duration(d.opts.timeout))
	defer cancel()
	replies, err := d.opts.ask(within, control.Request{Command: command})
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, late(err, d.opts.timeout)
	}
	reply, _ := replies[0].(map[string]any)
	return reply, refusal(reply)
}

func (d *drainage) print(tasks map[string]any) error {
	if _, err := io.WriteString(d.opts.std.out, d.opts.render("tasks", []any{tasks})); err != nil {
		return fmt.Errorf("write the reply: %w", err)
	}
	return nil
}
