package daemon

import (
	"context"
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
