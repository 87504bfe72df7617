package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"dispatcherd/workers/supervisor"
)

// remote dials a supervisor that is a service of its own.
func remote(path string) supervisor.Dial {
	return func(ctx context.Context) (*net.UnixConn, error) {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "unixpacket", path)
		if err != nil {
			return nil, err
		}
		unix, ok := conn.(*net.UnixConn)
		if !ok {
			return nil, fmt.Errorf("%s is not a unix socket", path)
		}
		if err := distrust(unix); err != nil {
			_ = unix.Close()
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return unix, nil
	}
}

// ownSupervisor says what it means for a client that another daemon is connected: a
// second instance on the same socket.
func ownSupervisor(path string, client func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		err := client(ctx)
		if errors.Is(err, supervisor.ErrTaken) {
			return DoorError{fmt.Errorf("another instance uses the supervisor at %s; stop it, or choose another path: %w", path, err)}
		}
		return err
	}
}

// distrust says why nothing can be told to whoever has the other end. It is the user who called
// listen(2) for the socket (SO_PEERCRED, unix(7)): the service manager, and not the tasks' user,
// as which the supervisor runs.
func distrust(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var peer *syscall.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		peer, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	switch {
	case err != nil:
		return err
	case failed != nil:
		return fmt.Errorf("ask whose socket it is: %w", failed)
	case peer.Uid != 0 && int(peer.Uid) != os.Geteuid():
		return fmt.Errorf("the socket was opened by user %d; only one that root or the daemon's own user has opened is trusted", peer.Uid)
	}
	return nil
}
