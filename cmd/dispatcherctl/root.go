package main

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"dispatcherd/control"
)

// console is where the program reads and writes.
type console struct {
	in       io.Reader
	out, err io.Writer
}

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, args []string, std console) int {
	opts := defaultOptions(std)
	root := newRoot(opts)
	root.SetArgs(args)
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	err := root.ExecuteContext(ctx)
	if err != nil && !opts.understood {
		err = usage("%s", err)
	}
	return report(std.err, err)
}

func newRoot(opts *options) *cobra.Command {
	root := &cobra.Command{
		Use:   "dispatcherctl",
		Short: "Ask a running dispatcherd what it is doing, and tell it what to do",
		Long: `Ask a running dispatcherd what it is doing, and tell it what to do.

The daemon is reached over its control socket: the one that --socket names, or the one in [brokers.socket] of the
configuration (--config, else $DISPATCHERD_CONFIG_FILE, else ./dispatcherd.toml, else ./dispatcher.yml, else
/etc/dispatcherd/dispatcherd.toml), which is TOML or the YAML of the Python original. Or all daemons are asked that
listen on a channel of Postgres: with --broker pg_notify, and where the configuration has no socket, or is YAML that
names pg_notify for control. Options may stand before or after the command.

Exit codes: 0 for success, 1 when the daemon cannot be reached, fewer answer than expected, or what was to be done is
refused, 2 for a mistake on the command line, 130 when interrupted.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		// "dispatcherctl --timeout 9 run X" is about the reply, "dispatcherctl run X --timeout 9" about the task.
		TraverseChildren: true,
		Args:             cobra.ArbitraryArgs,
		RunE:             withoutCommand,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			opts.understood = true
			return opts.settle(cmd)
		},
		SuggestionsMinimumDistance: 2,
	}
	opts.register(root)
	for _, spec := range control.Specs {
		root.AddCommand(newCommand(opts, spec))
	}
	root.AddCommand(newLogs(opts), newConfig(opts))
	return root
}

// newCommand returns the subcommand of one control command.
func newCommand(opts *options, spec control.Spec) *cobra.Command {
	switch spec.Name {
	case "run":
		return newRun(opts, spec)
	case "drain":
		return newDrain(opts, spec)
	case "cancel":
		return newCancel(opts, spec)
	case "task":
		return newTask(opts, spec)
	case "workers":
		return newWorkers(opts, spec)
	default:
		return newQuery(opts, spec)
	}
}

func withoutCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage("a command is needed")
	}
	if near := root.SuggestionsFor(args[0]); len(near) > 0 {
		return usage("unknown command %q, is %s meant?", args[0], strings.Join(near, " or "))
	}
	return usage("unknown command %q", args[0])
}

// noArgs refuses words after a command that takes none.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("unexpected argument %q", args[0])
	}
	return nil
}
