package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"dispatcherd/daemon/systemd"
)

// selfExe is this program even after its file has been replaced.
const selfExe = "/proc/self/exe"

// foreground starts the supervisor as the daemon's child, for a terminal, a
// container or a test. On a host it is a unit of its own.
type foreground struct {
	level string
	log   *slog.Logger

	dir   string        // of the child, which removes it; so do we, for one that was killed
	child *exec.Cmd     // owned by the goroutine of supervisor.Client.Run
	ended chan struct{} // closed when child has been waited for
}

// dial starts a supervisor, after the end of the one before, and connects to it.
func (f *foreground) dial(ctx context.Context) (*net.UnixConn, error) {
	f.end(quick)
	err := ctx.Err()
	if err != nil {
		return nil, err
	}
	if f.dir, err = os.MkdirTemp("", "dispatcherd-"); err != nil {
		return nil, err
	}
	addr := &net.UnixAddr{Name: filepath.Join(f.dir, "supervisor.sock"), Net: "unixpacket"}
	listener, err := net.ListenUnix("unixpacket", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for the supervisor: %w", err)
	}
	defer listener.Close() // which removes the name: both sides are connected by then
	if err := f.start(listener); err != nil {
		return nil, fmt.Errorf("start the supervisor: %w", err)
	}
	// Without ctx: it takes no time, and a child that nobody connects to would wait.
	conn, err := net.DialUnix("unixpacket", nil, addr)
	if err != nil {
		return nil, fmt.Errorf("connect to the supervisor: %w", err)
	}
	return conn, nil
}

// start runs the supervisor with the listening socket as descriptor 3. It gets
// a process group of its own: an interrupt from the terminal is for the daemon,
// which then ends the tasks in order.
func (f *foreground) start(listener *net.UnixListener) error {
	file, err := listener.File()
	if err != nil {
		return err
	}
	defer file.Close()
	cmd := exec.Command(selfExe, "supervisor", "--listen-fd", "3", "--exit-with-daemon",
		"--runtime-dir", f.dir, "--log-level", f.level)
	cmd.Args[0] = "dispatcherd"
	cmd.Stderr = os.Stderr
	cmd.Env = systemd.Environ(os.Environ())
	cmd.ExtraFiles = []*os.File{file}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := keepDescriptors(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	f.child, f.ended = cmd, make(chan struct{})
	go f.reap(cmd, f.ended)
	return nil
}

// keepDescriptors makes sure that no child gets a descriptor by accident. Those that
// this program opens are closed at exec anyway; one that it was started with, such as
// a settings file with a password in it, need not be.
func keepDescriptors() error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("list the open descriptors: %w", err)
	}
	for _, entry := range open {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}

// reap waits for the child's process; end waits for reap.
func (f *foreground) reap(cmd *exec.Cmd, ended chan struct{}) {
	defer close(ended)
	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		f.log.Error("supervisor ended", "pid", cmd.Process.Pid, "exit", exit.String())
	}
}

// holding adds the end of the child to the end of the client.
func (f *foreground) holding(client func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		defer f.end(quick)
		return client(ctx)
	}
}

// end waits for the child, which leaves by itself when the connection is gone. One
// that still has workers is told to kill them, and is killed if that does not help.
func (f *foreground) end(bound time.Duration) {
	if f.dir != "" {
		defer os.RemoveAll(f.dir)
	}
	if f.child == nil {
		return
	}
	for _, signals := range [][]os.Signal{{syscall.SIGTERM, syscall.SIGTERM}, {syscall.SIGKILL}} {
		if f.wait(bound) {
			break
		}
		f.log.Error("supervisor does not end", "pid", f.child.Process.Pid, "signal", signals[0].String())
		for _, s := range signals {
			_ = f.child.Process.Signal(s) // it can only have ended meanwhile
		}
	}
	<-f.ended
	f.child = nil
}

// wait says whether the child ends within the bound.
func (f *foreground) wait(bound time.Duration) bool {
	select {
	case <-f.ended:
		return true
	case <-time.After(bound):
		return false
	}
}
