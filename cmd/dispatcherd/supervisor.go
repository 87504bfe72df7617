package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/user"
	"strconv"

	"github.com/spf13/cobra"

	"dispatcherd/daemon"
	"dispatcherd/daemon/systemd"
	"dispatcherd/workers/supervisor"
)

// holding is how the supervisor was called.
type holding struct {
	cfg     supervisor.Config
	fd      uint
	user    string // of the daemon; "" is our own
	install bool
}

// newSupervisor is the process that holds the workers. The daemon starts it
// itself in the foreground.
func newSupervisor(o *options, stderr io.Writer) *cobra.Command {
	h := holding{cfg: supervisor.Config{DaemonUID: os.Geteuid()}}
	cmd := &cobra.Command{
		Use:   "supervisor",
		Short: "Hold the worker processes for a daemon (a service of its own, or started by dispatcherd)",
		Long: `The supervisor starts, kills and reaps the worker processes for a daemon that
connects to the socket it was given: the one that the service manager passes by the
name "supervisor", or else --listen-fd. It reads no configuration: the daemon says
how workers are started. Tasks and results do not pass through it.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return h.run(cmd.Context(), o.level, cmd.OutOrStdout(), stderr)
		},
	}
	cmd.Flags().UintVar(&h.fd, "listen-fd", 3, "`NUMBER` of the descriptor that listens for the daemon, if the service manager passes none")
	cmd.Flags().StringVar(&h.user, "daemon-user", "", "`USER` that the daemon runs as, a name or a number: no other may connect (default: the supervisor's own)")
	cmd.Flags().StringVar(&h.cfg.RuntimeDir, "runtime-dir", "", "`DIRECTORY` for the Python files (default: a temporary one)")
	cmd.Flags().BoolVar(&h.install, "install", false, "put the Python files into --runtime-dir and exit: as another user than that of the tasks, who then cannot change them")
	cmd.Flags().BoolVar(&h.cfg.ExitWithDaemon, "exit-with-daemon", false, "end, after the running tasks, when the daemon is gone")
	return cmd
}

// run does what the command line says.
func (h holding) run(ctx context.Context, level string, stdout, stderr io.Writer) error {
	log, _, err := newLogger(level, stderr)
	if err != nil {
		return usage(err)
	}
	if h.install {
		return install(h.cfg.RuntimeDir, stdout)
	}
	if h.user != "" {
		if h.cfg.DaemonUID, err = uidOf(h.user); err != nil {
			return usage(err)
		}
	}
	notify := systemd.NewNotifier(log.With("part", "systemd"))
	h.cfg.Manager = notify
	if err = h.hold(ctx, log); err != nil {
		notify.Failed(err)
	}
	return err
}

// hold runs the supervisor until it is told to end.
func (h holding) hold(ctx context.Context, log *slog.Logger) error {
	listener, err := h.listener()
	if err != nil {
		return daemon.DoorError{Reason: err}
	}
	outliveReader()
	return supervisor.NewSupervisor(h.cfg, listener, log).Run(ctx)
}

// listener is what the service manager passes, or the descriptor of --listen-fd.
func (h holding) listener() (*net.UnixListener, error) {
	passed, err := systemd.Listeners(systemd.SupervisorSocket)
	if err != nil {
		return nil, err
	}
	if unix, ok := passed[systemd.SupervisorSocket].(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false)
		return unix, nil
	}
	file := os.NewFile(uintptr(h.fd), "listener")
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d is not a listening socket: %w", h.fd, err)
	}
	_ = file.Close() // FileListener has its own duplicate
	unix, ok := listener.(*net.UnixListener)
	if !ok {
		return nil, fmt.Errorf("descriptor %d listens on %s, not on a unix socket", h.fd, listener.Addr().Network())
	}
	return unix, nil
}

// install puts the Python files where --runtime-dir says, and says where they are.
func install(dir string, stdout io.Writer) error {
	if dir == "" {
		return usage(fmt.Errorf("--install needs --runtime-dir"))
	}
	path, err := supervisor.InstallRuntime(dir)
	if err == nil {
		_, err = fmt.Fprintln(stdout, path)
	}
	return err
}

// uidOf returns the number of a user that is named by its name or its number.
func uidOf(name string) (int, error) {
	if uid, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(uid), nil
	}
	found, err := user.Lookup(name)
	if err != nil {
		return 0, fmt.Errorf("--daemon-user must be a user of this host or a number, got %q", name)
	}
	return strconv.Atoi(found.Uid)
}
