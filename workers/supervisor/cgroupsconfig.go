package supervisor

// CgroupsConfig is the section [cgroups].
type CgroupsConfig struct {
	// Require has the daemon give up where something of the workers' limits and accounts
	// cannot be had. Default false: what can be done is done, and what cannot is said.
	Require bool `toml:"require"`
}
