package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"dispatcherd/daemon"
	"dispatcherd/daemon/config"
	"dispatcherd/daemon/journal"
)

// Exit codes.
const (
	exitOK = iota
	exitFailure
	exitUsage
)

// errUsage marks an error in how the program was called.
var errUsage = errors.New("usage")

type options struct {
	config string
	log    logging
	check  bool
}

// run is the program; it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	root := newRoot(stderr)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	var problems config.Problems
	var logged loggedError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &logged):
		return exitFailure
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "dispatcherd: %v; see dispatcherd --help\n", errors.Unwrap(err))
		return exitUsage
	case errors.As(err, &problems): // each line begins with its place, as a compiler's does
		fmt.Fprintln(stderr, problems)
		return exitFailure
	default:
		fmt.Fprintf(stderr, "dispatcherd: %v\n", err)
		return exitFailure
	}
}

// usage makes err an error in how the program was called.
func usage(err error) error { return usageError{err} }

type usageError struct{ error }

func (u usageError) Unwrap() error      { return u.error }
func (usageError) Is(target error) bool { return target == errUsage }

func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(fmt.Errorf("unknown argument %q", args[0]))
	}
	return nil
}

func newRoot(stderr io.Writer) *cobra.Command {
	var o options
	root := &cobra.Command{
		Use:   "dispatcherd",
		Short: "Run the tasks of a Python project in worker processes",
		Long: `dispatcherd takes task messages from Postgres NOTIFY and from a local socket
and runs them in Python worker processes. It stays in the foreground and logs to
the journal or to standard error. SIGTERM and SIGINT stop it: running tasks may finish for
pool.shutdown_grace, a second signal cancels them, a third one kills them.
SIGHUP has it read its configuration again.

The configuration is a TOML file, or the YAML of the Python original as it is.`,
		Args:          noArguments,
		Version:       version(),
		SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), o, cmd.OutOrStdout(), stderr)
		},
	}
	root.SetVersionTemplate("dispatcherd {{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	root.Flags().StringVar(&o.config, "config", "", "configuration `FILE` (default: $DISPATCHERD_CONFIG_FILE, ./dispatcherd.toml, ./dispatcher.yml, /etc/dispatcherd/dispatcherd.toml)")
	root.Flags().BoolVar(&o.check, "check", false, "check the configuration, print every problem, or else what is to be known about it, and exit")
	root.PersistentFlags().StringVar(&o.log.level, "log-level", "info", "`LEVEL` of the log: debug, info, warning, error, critical (the same as error)")
	root.PersistentFlags().StringVar(&o.log.format, "log-format", "", "`FORMAT` of the log: "+journal.Formats+" (default: $"+formatVariable+", else auto)")
	root.AddCommand(newSupervisor(&o, stderr))
	return root
}

// approve says of a configuration that it can be used, and what is to be known about it.
func approve(path string, notes []string, stdout io.Writer) error {
	for _, note := range notes {
		if _, err := fmt.Fprintf(stdout, "note: %s\n", note); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(stdout, "%s: no problems found\n", path)
	return err
}

// serve runs the daemon until a signal ends it.
func serve(ctx context.Context, o options, stdout, stderr io.Writer) error {
	log, threshold, err := o.log.open(stderr)
	if err != nil {
		return usage(err)
	}
	if o.check {
		return check(o.config, stdout)
	}
	outliveReader()
	ctx, hurry, stop := signals(ctx)
	defer stop()
	cfg, err := load(o.config)
	if err != nil {
		return ending(err, log)
	}
	d := daemon.New(cfg, o.log.flags(), threshold, log)
	defer reloads(ctx, d.Reload)()
	return ending(d.Run(ctx, hurry), log)
}

// load reads the configuration that was asked for, or the one that is there.
func load(asked string) (*config.Config, error) {
	path, err := config.Find(asked)
	if err != nil {
		return nil, err
	}
	return config.Load(path)
}

// check says of a configuration that it can be used, and what is to be known about it.
func check(asked string, stdout io.Writer) error {
	path, err := config.Find(asked)
	if err != nil {
		return err
	}
	cfg, err := config.Load(path)
	if err != nil {
		return err
	}
	return approve(path, cfg.Notes, stdout)
}
