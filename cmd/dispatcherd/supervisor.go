package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/spf13/cobra"

	"dispatcherd/workers/supervisor"
)

// newSupervisor is the process that holds the workers. The daemon starts it
// itself in the foreground.
func newSupervisor(o *options, stderr io.Writer) *cobra.Command {
	var fd uint
	cfg := supervisor.Config{DaemonUID: os.Geteuid()}
	cmd := &cobra.Command{
		Use:   "supervisor",
		Short: "Hold the worker processes for a daemon (started by dispatcherd)",
		Long: `The supervisor starts, kills and reaps the worker processes for a daemon that
connects to the socket it was given. It reads no configuration: the daemon says
how workers are started. Tasks and results do not pass through it.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return hold(cmd.Context(), cfg, fd, o.log, stderr)
		},
	}
	cmd.Flags().UintVar(&fd, "listen-fd", 3, "`NUMBER` of the descriptor that listens for the daemon")
	cmd.Flags().StringVar(&cfg.RuntimeDir, "runtime-dir", "", "`DIRECTORY` for the Python files (default: a temporary one)")
	cmd.Flags().BoolVar(&cfg.ExitWithDaemon, "exit-with-daemon", false, "end, after the running tasks, when the daemon is gone")
	return cmd
}

// hold runs the supervisor until it is told to end.
func hold(ctx context.Context, cfg supervisor.Config, fd uint, logging logging, stderr io.Writer) error {
	log, _, err := logging.open(stderr)
	if err != nil {
		return usage(err)
	}
	listener, err := inherited(fd)
	if err != nil {
		return ending(err, log)
	}
	outliveReader()
	return ending(supervisor.NewSupervisor(cfg, listener, log).Run(ctx), log)
}

// inherited returns the listener that the program was started with.
func inherited(fd uint) (*net.UnixListener, error) {
	file := os.NewFile(uintptr(fd), "listener")
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d is not a listening socket: %w", fd, err)
	}
	_ = file.Close() // FileListener has its own duplicate
	unix, ok := listener.(*net.UnixListener)
	if !ok {
		return nil, fmt.Errorf("descriptor %d listens on %s, not on a unix socket", fd, listener.Addr().Network())
	}
	return unix, nil
}
