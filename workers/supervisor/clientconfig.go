package supervisor

import (
	"errors"
	"fmt"
	"strings"
)

// maxPath is what fits into sockaddr_un.sun_path beside its closing zero byte (unix(7)).
const maxPath = 107

// ClientConfig is the section [supervisor].
type ClientConfig struct {
	// Socket is the path of the socket of a supervisor that is a service of its own.
	// Default: none; the daemon starts its supervisor itself.
	Socket string `toml:"socket"`
}

// Validate reports every value that cannot be used, a line each.
func (c ClientConfig) Validate() error {
	var errs []error
	if len(c.Socket) > maxPath {
		errs = append(errs, fmt.Errorf("supervisor.socket: must be at most %d bytes, got %d", maxPath, len(c.Socket)))
	}
	if strings.HasPrefix(c.Socket, "@") || strings.ContainsRune(c.Socket, 0) {
		errs = append(errs, fmt.Errorf("supervisor.socket: must be a path in the file system, got %q", c.Socket))
	}
	return errors.Join(errs...)
}
