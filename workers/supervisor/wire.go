package supervisor

import (
	"encoding/json"
	"fmt"

	"dispatcherd/cgroups"
)

// What is said between daemon and supervisor: JSON objects, one a packet, on a
// SOCK_SEQPACKET socket; descriptors travel with their packet (SCM_RIGHTS).
//
//	daemon → supervisor              supervisor → daemon
//	hello  {hello}                   welcome {welcome} | refused {error, daemon}
//	spec   {spec}                    inherited {launched} + descriptors, one for each worker that lives
//	launch {id, worker}              launched {id, worker, launched} + descriptors | {id, worker, error}
//	interrupt {worker}               exited {worker, exit}
//	kill {worker}                    forkserver {forkserver}
//	usage {id}                       usage {id, usage, more, totals}
//	watch {worker}
//	account {id, worker, spent}      account {id, worker, account} | {id, worker, error}
//	limit {id, worker, limits, fresh}  limited {id, worker, error, grown}
//
// The descriptors are the daemon's end of the worker's frame socket, the read ends of its stdout
// and stderr, and the file for notes about its task (see Note); where the spec asks for lanes, then
// those of its lane (see Lane). Unknown keys and events are ignored.
const (
	opHello     = "hello"
	opWelcome   = "welcome"
	opRefused   = "refused"
	opSpec      = "spec"
	opInherited = "inherited"
	opLaunch    = "launch"
	opLaunched  = "launched"
	opInterrupt = "interrupt"
	opKill      = "kill"
	opExited    = "exited"
	opForks     = "forkserver"
	opUsage     = "usage"
	opLimit     = "limit"
	opLimited   = "limited"
	opWatch     = "watch"
	opAccount   = "account"
)

const (
	// wireVersion is what this code speaks, minVersion the oldest that it
	// understands: the supervisor outlives upgrades of the daemon.
	// Version 2 has limits and accounts, version 3 lanes.
	wireVersion = 3
	minVersion  = 1
	// limitsSince is the first one that limits workers and accounts tasks.
	limitsSince = 2
	// lanesSince is the first one that knows of lanes.
	lanesSince = 3
)

type packet struct {
	Op         string    `json:"op"`
	ID         uint64    `json:"id,omitempty"`
	Worker     int       `json:"worker,omitempty"`
	Error      string    `json:"error,omitempty"`
	Daemon     int       `json:"daemon,omitempty"` // the process of the one that is connected, if that is why
	Hello      *hello    `json:"hello,omitempty"`
	Welcome    *welcome  `json:"welcome,omitempty"`
	Spec       *Spec     `json:"spec,omitempty"`
	Launched   *launched `json:"launched,omitempty"`
	Exit       *Exit     `json:"exit,omitempty"`
	ForkServer *forkInfo `json:"forkserver,omitempty"`
	Usage      []Usage   `json:"usage,omitempty"`
	More       bool      `json:"more,omitempty"` // another packet goes on with it
	Totals     *Totals   `json:"totals,omitempty"`
	Spent      *Spent    `json:"spent,omitempty"`
	Account    *Account  `json:"account,omitempty"`

	Limits *cgroups.Limits `json:"limits,omitempty"`
	Fresh  bool            `json:"fresh,omitempty"` // the worker has run no task
	Grown  bool            `json:"grown,omitempty"` // a fresh worker could have the limits
}

type hello struct {
	Version    int      `json:"version"`
	MinVersion int      `json:"min_version"`
	PID        int      `json:"pid"`
	Tree       string   `json:"tree,omitempty"`
	Orphans    []orphan `json:"orphans,omitempty"`
}

// orphan is a worker of a supervisor that is gone.
type orphan struct {
	process
	Worker int `json:"worker"`
}

type welcome struct {
	Version    int    `json:"version"`
	MinVersion int    `json:"min_version"`
	PID        int    `json:"pid"`
	Isolation  string `json:"isolation"`
	Tree       string `json:"tree,omitempty"`

	Missing []string     `json:"missing,omitempty"` // what limits and accounts lack
	Lesser  []string     `json:"lesser,omitempty"`  // what the kernel is too old for
	Unit    cgroups.Unit `json:"unit,omitzero"`
}

type launched struct {
	process
	Cgroup     string          `json:"cgroup,omitempty"`
	Generation int             `json:"generation,omitempty"`
	Limits     json.RawMessage `json:"limits,omitempty"` // what the worker has now
}

// process is a pid that cannot be mistaken for a later process of that number.
type process struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // field 22 of /proc/PID/stat
}

type forkInfo struct {
	State    forkState `json:"state"`
	Error    string    `json:"error,omitempty"`
	Restarts int       `json:"restarts,omitempty"` // how often one took the place of one that had ended unasked
}

// forkState is what the fork server is doing.
type forkState string

const (
	forkNone     forkState = ""
	forkStarting forkState = "starting"
	forkReady    forkState = "ready"
	forkFailed   forkState = "failed"
)

// agree returns the version that both sides speak.
func agree(version, oldest int) (int, error) {
	if version < minVersion || oldest > wireVersion {
		return 0, fmt.Errorf("protocol versions do not match: the other side speaks %d to %d, this one %d to %d",
			oldest, version, minVersion, wireVersion)
	}
	return min(version, wireVersion), nil
}
