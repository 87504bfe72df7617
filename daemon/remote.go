package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"

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
