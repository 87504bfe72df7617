package systemd

import (
	"context"
	"fmt"
	"os"

	"github.com/coreos/go-systemd/v22/dbus"
)

// Restarting asks the service manager whether the stop that it has ordered is part of a
// restart: it sends the same signal for both. The answer is the type of the job that its
// unit has. No job, as when a process is signalled by hand, is a stop.
func Restarting(ctx context.Context) (bool, error) {
	bus, err := dbus.NewSystemConnectionContext(ctx)
	if err != nil {
		return false, fmt.Errorf("connect to the system bus: %w", err)
	}
	defer bus.Close()
	unit, err := bus.GetUnitNameByPID(ctx, uint32(os.Getpid()))
	if err != nil {
		return false, fmt.Errorf("ask for the own unit: %w", err)
	}
	jobs, err := bus.ListJobsContext(ctx)
	if err != nil {
		return false, fmt.Errorf("ask for the job of %s: %w", unit, err)
	}
	for _, job := range jobs {
		if job.Unit == unit {
			return job.JobType == "restart" || job.JobType == "try-restart", nil
		}
	}
	return false, nil
}
