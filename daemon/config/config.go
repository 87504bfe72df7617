// Package config reads the TOML file, or the YAML of the Python original, into one
// struct made of the packages' own sections, and names everything in it that cannot be
// used.
package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode"

	"dispatcherd/cgroups"
	"dispatcherd/control"
	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/history"
	"dispatcherd/daemon/journal"
	"dispatcherd/daemon/metrics"
	"dispatcherd/daemon/policy"
	"dispatcherd/daemon/schedule"
	"dispatcherd/daemon/systemd"
	"dispatcherd/pgnotify"
	"dispatcherd/workers"
	"dispatcherd/workers/process"
	"dispatcherd/workers/supervisor"
)

// formatVersion is the only version of the file's format that there is.
const formatVersion = 2

// maxNodeIDBytes bounds the name, which is in every reply. It is what a DNS
// name may have.
const maxNodeIDBytes = 253

// Config is everything that the service can be told.
type Config struct {
	// File is where it came from.
	File string
	// Version is the version of the file's format: 2.
	Version int
	// NodeID names this daemon in its replies. Default: the host name.
	NodeID string
	// RandomNodeID is set when the file has no node_id and NodeID was made up.
	RandomNodeID bool
	// ChunkMessageTimeout is how long the parts of a chunked message may take to
	// come; 0 is for ever. Default 30m.
	ChunkMessageTimeout time.Duration
	// Original is set when the file is the YAML of the Python original: where safety
	// and fidelity disagree, the service is then faithful.
	Original bool
	// Unsafe says, in a line, what is as open as with the Python original, and how that is
	// tightened; "" if nothing is. It is logged at each start, and is in the status.
	Unsafe string
	// Notes say, a line each, what of the file has no effect or needs to be known.
	// They are logged at each start.
	Notes []string
	// Pool is the section [pool].
	Pool workers.Config
	// Worker is the section [worker].
	Worker process.Config
	// PgNotify is the section [brokers.pg_notify]; nil without it.
	PgNotify *pgnotify.Config
	// PgNotifyControl says which control requests are answered that come over
	// Postgres. Default "read".
	PgNotifyControl control.Access
	// RefuseRun makes "run" an error, as it is in a service of the original without
	// a ControlProducer.
	RefuseRun bool
	// Socket is the section [brokers.socket]; its Path is empty without it.
	Socket control.Config
	// Rights is the section [control].
	Rights control.Rights
	// ControlBroker is the broker that dispatcherctl takes when none is named: "socket"
	// or "pg_notify"; empty without one. Default: the socket, if there is one. The YAML of
	// the Python original may name another, which only Python knows.
	ControlBroker string
	// Schedule holds the tasks of [[on_start]] and [[schedule]].
	Schedule schedule.Config
	// Log is the section [log].
	Log journal.Config
	// Metrics is the section [metrics]; nil without it.
	Metrics *metrics.Config
	// Queue is the section [queue].
	Queue dispatch.Config
	// History is the section [history].
	History history.Config
	// Service is the section [service].
	Service systemd.Config
	// Supervisor is the section [supervisor].
	Supervisor supervisor.ClientConfig
	// Cgroups is the section [cgroups].
	Cgroups supervisor.CgroupsConfig
	// Policy is the sections [limits] and [[task]].
	Policy policy.Config
	// Roomy is set when the file has no pool.max_workers: Pool.MaxWorkers is then what this
	// process has CPUs for, until the supervisor says what the workers' unit has room for.
	Roomy bool
}

// Validate reports every value that cannot be used, a line each.
func (c Config) Validate() error {
	errs := []error{c.checkVersion(), c.checkNodeID(), c.checkChunkTimeout(), c.Pool.Validate(), c.Worker.Validate()}
	if c.PgNotify != nil {
		errs = append(errs, c.PgNotify.Validate(), c.PgNotifyControl.Validate("brokers.pg_notify.control"))
	}
	errs = append(errs, c.Socket.Validate(), c.Rights.Validate(), c.Schedule.Validate(), c.Log.Validate(), c.Service.Validate(), c.Supervisor.Validate(), c.Policy.Validate(), c.Queue.Validate(), c.History.Validate())
	if c.Metrics != nil {
		errs = append(errs, c.Metrics.Validate())
	}
	if !c.Original {
		errs = append(errs, c.checkInput())
	}
	return errors.Join(errs...)
}

func (c Config) checkVersion() error {
	if c.Version == formatVersion {
		return nil
	}
	return fmt.Errorf("version: must be %d, got %d", formatVersion, c.Version)
}

func (c Config) checkNodeID() error {
	switch {
	case c.NodeID == "":
		return errors.New(`node_id: must be a name such as "web-1", got nothing`)
	case len(c.NodeID) > maxNodeIDBytes:
		return fmt.Errorf("node_id: must be at most %d bytes, got %d", maxNodeIDBytes, len(c.NodeID))
	case strings.ContainsFunc(c.NodeID, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("node_id: must be made of printable characters, got %q", c.NodeID)
	}
	return nil
}

func (c Config) checkChunkTimeout() error {
	if c.ChunkMessageTimeout >= 0 {
		return nil
	}
	return fmt.Errorf("chunk_message_timeout: must be 0s or more, got %v", c.ChunkMessageTimeout)
}

// checkSpec refuses what the supervisor would not take at the start. Settings must be there.
func (c Config) checkSpec() error {
	err := c.Worker.Spec(0, c.Pool.CancelGrace, c.Pool.ShutdownGrace).Check()
	if err != nil {
		return fmt.Errorf("worker: must be shorter, with the rest of a YAML file, which workers get as well: %w", err)
	}
	return nil
}

// checkInput refuses a service that would wait for ever: nothing brings tasks
// in, and it has none of its own. The original starts with less, for the tests of a
// project; a note says so.
func (c Config) checkInput() error {
	listens := c.PgNotify != nil && len(c.PgNotify.Channels) > 0
	own := len(c.Schedule.OnStart)+len(c.Schedule.Schedule) > 0
	if listens || c.Socket.Path != "" || own {
		return nil
	}
	if c.PgNotify != nil {
		return errors.New("brokers.pg_notify.channels: must name a channel, since nothing else brings tasks in, got nothing")
	}
	return errors.New("brokers: must have pg_notify or socket, since nothing else brings tasks in, got nothing")
}

// document has the shape of the file.
type document struct {
	Version int            `toml:"version"`
	NodeID  string         `toml:"node_id"`
	Timeout time.Duration  `toml:"chunk_message_timeout"`
	Pool    workers.Config `toml:"pool"`
	Worker  process.Config `toml:"worker"`
	Brokers struct {
		PgNotify struct {
			pgnotify.Config
			Control control.Access `toml:"control"`
		} `toml:"pg_notify"`
		Socket control.Config `toml:"socket"`
	} `toml:"brokers"`
	Control control.Rights `toml:"control"`
	schedule.Config
	Log        journal.Config           `toml:"log"`
	Metrics    metrics.Config           `toml:"metrics"`
	Service    systemd.Config           `toml:"service"`
	Supervisor supervisor.ClientConfig  `toml:"supervisor"`
	Cgroups    supervisor.CgroupsConfig `toml:"cgroups"`
	Limits     cgroups.Limits           `toml:"limits"`
	Tasks      []policy.Task            `toml:"task"`
	Queue      dispatch.Config          `toml:"queue"`
	History    history.Config           `toml:"history"`
}

func newDocument() *document {
	d := &document{
		Timeout: 30 * time.Minute,
		Pool:    workers.DefaultConfig(), Worker: process.DefaultConfig(),
		Control: control.DefaultRights(), Config: schedule.DefaultConfig(), Metrics: metrics.DefaultConfig(),
		Service: systemd.DefaultConfig(), Queue: dispatch.DefaultConfig(), History: history.DefaultConfig(), Log: journal.DefaultConfig(),
	}
	d.Brokers.PgNotify.Config, d.Brokers.Socket = pgnotify.DefaultConfig(), control.DefaultConfig()
	d.Brokers.PgNotify.Control = control.ReadOnly
	if host, err := os.Hostname(); err == nil {
		d.NodeID = host // without a host name, Validate asks for node_id
	}
	return d
}

// config drops the optional sections that the file does not have.
func (d *document) config(has outline) Config {
	c := Config{
		Version: d.Version, NodeID: d.NodeID, ChunkMessageTimeout: d.Timeout, Pool: d.Pool.WithCPUs(cgroups.CPUs()), Worker: d.Worker,
		Socket: d.Brokers.Socket, PgNotifyControl: d.Brokers.PgNotify.Control, Rights: d.Control, Schedule: d.Config,
		Log: d.Log, Service: d.Service, Supervisor: d.Supervisor, Cgroups: d.Cgroups, Queue: d.Queue, History: d.History,
		Policy: policy.Config{Limits: d.Limits, Tasks: d.Tasks}, Roomy: d.Pool.MaxWorkers == 0,
	}
	if has.line("brokers.pg_notify") > 0 {
		c.PgNotify = &d.Brokers.PgNotify.Config
	}
	switch {
	case c.Socket.Path != "":
		c.ControlBroker = "socket"
	case c.PgNotify != nil:
		c.ControlBroker = "pg_notify"
	}
	if has.line("metrics") > 0 {
		c.Metrics = &d.Metrics
	}
	return c
}

// check reports what is wrong with how keys are given or left out. It is seen
// in the file only: in a Config, both mean the default.
func (d *document) check(has outline) error {
	var errs []error
	if has.line("version") == 0 {
		errs = append(errs, fmt.Errorf("version: must be given, as version = %d", formatVersion))
	}
	if has.line("pool.max_workers") > 0 && d.Pool.MaxWorkers == 0 {
		errs = append(errs, errors.New("pool.max_workers: must be at least 1, got 0"))
	}
	if has.line("brokers.socket") > 0 && d.Brokers.Socket.Path == "" {
		errs = append(errs, errors.New("brokers.socket.path: must be the path of the socket, got nothing"))
	}
	return errors.Join(errs...)
}
