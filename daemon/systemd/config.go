package systemd

import "fmt"

// Config is the section [service].
type Config struct {
	// Ready says when the service counts as started: "working" (min_workers are ready,
	// and Postgres is listened to or was waited for) or "socket" (its sockets are open).
	// Default "working".
	Ready string `toml:"ready"`
}

// The values of Config.Ready.
const (
	ReadyWorking = "working"
	ReadySocket  = "socket"
)

// DefaultConfig returns the section as it is when the file does not have it.
func DefaultConfig() Config { return Config{Ready: ReadyWorking} }

// Validate reports a value that cannot be used.
func (c Config) Validate() error {
	if c.Ready == ReadyWorking || c.Ready == ReadySocket {
		return nil
	}
	return fmt.Errorf("service.ready: must be %q or %q, got %q", ReadyWorking, ReadySocket, c.Ready)
}
