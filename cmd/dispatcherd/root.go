package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"

	"github.com/spf13/cobra"

	"dispatcherd/daemon"
	"dispatcherd/daemon/config"
	"dispatcherd/daemon/journal"
	"dispatcherd/daemon/systemd"
)

// Exit codes.
const (
	exitOK = iota
	exitFailure
	exitUsage
	// The others are those of sysexits.h; docs/design.md has the list.
	exitSocket = 69 // EX_UNAVAILABLE
	exitConfig = 78 // EX_CONFIG
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
		return exitCode(err)
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "dispatcherd: %v; see dispatcherd --help\n", errors.Unwrap(err))
		return exitUsage
	case errors.As(err, &problems): // each line begins with its place, as a compiler's does
		fmt.Fprintln(stderr, problems)
	default:
		fmt.Fprintf(stderr, "dispatcherd: %v\n", err)
	}
	return exitCode(err)
}

// exitCode names the kind of a failure.
func exitCode(err error) int {
	var configuration configError
	var door daemon.DoorError
	switch {
	case errors.As(err, &configuration):
		return exitConfig
	case errors.As(err, &door):
		return exitSocket
	default:
		return exitFailure
	}
}

// configError is what keeps the daemon from starting in its configuration. A check that
// finds the same has done its work, and ends with exitFailure.
type configError struct{ error }

func (e configError) Unwrap() error { return e.error }

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
	root.PersistentFlags().StringVar(&o.log.level, "log-level", "", "`LEVEL` of the log: debug, info, warning, error, critical (the same as error; default: log.level of the configuration, else info)")
	root.PersistentFlags().StringVar(&o.log.format, "log-format", "", "`FORMAT` of the log: "+journal.Formats+" (default: $"+formatVariable+", else auto)")
	root.AddCommand(newSupervisor(&o, stderr))
	return root
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
	notify := systemd.NewNotifier(log.With("part", "systemd"))
	err = operate(ctx, o, daemon.Host{Notify: notify, LogLevel: o.log.level}, threshold, log)
	if err != nil {
		notify.Failed(err)
	}
	return ending(err, log)
}

// load finds the configuration and reads it.
func load(path string) (*config.Config, error) {
	path, err := config.Find(path)
	if err != nil {
		return nil, err
	}
	return config.Load(path)
}

// operate runs the daemon until a signal ends it, with what the service manager gives.
func operate(ctx context.Context, o options, host daemon.Host, threshold *slog.LevelVar, log *slog.Logger) error {
	cfg, err := load(o.config)
	if err != nil {
		return configError{err}
	}
	if host.Sockets, err = systemd.Listeners(systemd.ControlSocket, systemd.MetricsSocket); err != nil {
		return daemon.DoorError{Reason: err}
	}
	outliveReader()
	debug.SetTraceback("all") // for a watchdog that was not fed: SIGABRT shows what is stuck
	ctx, hurry, stop := signals(ctx)
	defer stop()
	d := daemon.New(cfg, o.log.flags(cfg.Log.Level), threshold, host, log)
	defer reloads(ctx, d.Reload)()
	return d.Run(ctx, hurry)
}

// check says of a configuration that it can be used, and what is to be known about it.
func check(asked string, stdout io.Writer) error {
	cfg, err := load(asked)
	if err != nil {
		return err
	}
	if cfg.Unsafe != "" {
		if _, err := fmt.Fprintf(stdout, "UNSAFE: %s\n", cfg.Unsafe); err != nil {
			return err
		}
	}
	for _, note := range cfg.Notes {
		if _, err := fmt.Fprintf(stdout, "note: %s\n", note); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(stdout, "%s: no problems found\n", cfg.File)
	return err
}
