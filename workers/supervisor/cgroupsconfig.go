package supervisor

import "fmt"

// Leftovers says what becomes of processes that a task leaves behind.
type Leftovers string

// What becomes of them.
const (
	KillLeftovers   Leftovers = "kill"
	ReportLeftovers Leftovers = "report"
)

// CgroupsConfig is the section [cgroups].
type CgroupsConfig struct {
	// Require has the daemon give up where something of the workers' limits and accounts
	// cannot be had. Default false: what can be done is done, and what cannot is said.
	Require bool `toml:"require"`
	// LeftoverProcesses says what becomes of processes that a task leaves behind: "kill" ends
	// them with the task, "report" only tells. Default "kill".
	LeftoverProcesses Leftovers `toml:"leftover_processes"`
}

// DefaultCgroupsConfig returns the section as it is when nothing is configured.
func DefaultCgroupsConfig() CgroupsConfig { return CgroupsConfig{LeftoverProcesses: KillLeftovers} }

// Validate reports every value that cannot be used, a line each.
func (c CgroupsConfig) Validate() error {
	if c.LeftoverProcesses == KillLeftovers || c.LeftoverProcesses == ReportLeftovers {
		return nil
	}
	return fmt.Errorf("cgroups.leftover_processes: must be %q or %q, got %q", KillLeftovers, ReportLeftovers, c.LeftoverProcesses)
}
