// Package metrics names every metric and serves them to Prometheus; it pulls
// the figures when it is asked.
package metrics

import (
	"fmt"
	"net"
	"strconv"
)

// Config is the [metrics] section of the configuration. Without the section
// there are no metrics.
type Config struct {
	// Listen is the address of the page, host:port. Default "localhost:8070".
	Listen string `toml:"listen"`
}

// DefaultConfig returns the section as it is when it says nothing.
func DefaultConfig() Config { return Config{Listen: "localhost:8070"} }

// Validate reports an address that cannot be one.
func (c Config) Validate() error {
	_, port, err := net.SplitHostPort(c.Listen)
	if n, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil || n == 0 && port != "0" {
		return fmt.Errorf(`metrics.listen: must be an address such as "localhost:8070", got %q`, c.Listen)
	}
	return nil
}
