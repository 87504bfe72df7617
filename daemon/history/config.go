// Package history keeps how the last tasks have ended.
package history

import "fmt"

// largest bounds the size: an end takes about half a kilobyte.
const largest = 1_000_000

// Config is the section [history] of the configuration.
type Config struct {
	// Size is how many ends are kept; 0 is none. Default 1000.
	Size int `toml:"size"`
}

// DefaultConfig returns the section as it is when it says nothing.
func DefaultConfig() Config { return Config{Size: 1000} }

// Validate reports a size that cannot be one.
func (c Config) Validate() error {
	if c.Size < 0 || c.Size > largest {
		return fmt.Errorf("history.size: must be 0 to %d, got %d", largest, c.Size)
	}
	return nil
}
