package control

import (
	"errors"
	"fmt"
	"strings"
)

// maxPathBytes is what fits into sockaddr_un.sun_path beside its closing zero byte, see unix(7).
const maxPathBytes = 107

// Config is the section [brokers.socket].
type Config struct {
	// Path is where the control socket is listened on; a relative one starts at the working directory of the
	// daemon. Empty means that there is no socket. Default: empty.
	Path string `toml:"path"`
}

// DefaultConfig returns the section as it is when the file does not hold it: no socket.
func DefaultConfig() Config { return Config{} }

// Validate reports every problem of the section, one line each.
func (c Config) Validate() error {
	var problems []error
	if len(c.Path) > maxPathBytes {
		problems = append(problems, fmt.Errorf("brokers.socket.path: must be at most %d bytes, the limit of unix(7), got %d (%q)",
			maxPathBytes, len(c.Path), c.Path))
	}
	if strings.ContainsRune(c.Path, 0) {
		problems = append(problems, fmt.Errorf("brokers.socket.path: must be a path without zero bytes, got %q", c.Path))
	}
	if strings.HasPrefix(c.Path, "@") {
		// Such a name would be an abstract socket, which has no owner and no mode: anybody could connect.
		problems = append(problems, fmt.Errorf("brokers.socket.path: must be a path in the file system, got the abstract name %q", c.Path))
	}
	if strings.HasSuffix(c.Path, "/") {
		problems = append(problems, fmt.Errorf("brokers.socket.path: must name a socket, got a directory %q", c.Path))
	}
	return errors.Join(problems...)
}
