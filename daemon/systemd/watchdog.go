package systemd

import (
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// WatchdogPeriod returns how often the watchdog of this service is to be fed, which is
// three times within its patience; 0 when it has none.
func WatchdogPeriod() (time.Duration, error) {
	patience, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0, fmt.Errorf("read the watchdog's patience: %w", err)
	}
	return patience / 3, nil
}
