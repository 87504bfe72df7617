package daemon

import (
	"net"

	"dispatcherd/control"
	"dispatcherd/daemon/config"
	"dispatcherd/daemon/metrics"
	"dispatcherd/daemon/systemd"
)

// Host is what the daemon is given from outside; without a service manager, Sockets is nil.
type Host struct {
	Notify *systemd.Notifier
	// Sockets are those that were opened for the daemon, by name.
	Sockets map[string]net.Listener
	// LogLevel is the level of the log that the command line gives, which comes before that of
	// the configuration; "" if it gives none.
	LogLevel string
}

// DoorError says that a socket could not be opened: nothing was started.
type DoorError struct{ Reason error }

// Error is the reason's.
func (e DoorError) Error() string { return e.Reason.Error() }

// Unwrap returns the reason.
func (e DoorError) Unwrap() error { return e.Reason }

// takeControl has the server serve the socket that was passed, if one was.
func (d *Daemon) takeControl(cfg *config.Config, server *control.Server) (passed bool) {
	listener, passed := d.host.Sockets[systemd.ControlSocket].(*net.UnixListener)
	if !passed {
		return false
	}
	server.Take(listener)
	path := listener.Addr().String()
	d.log.Info("the control socket is the service manager's", "socket", path)
	if cfg.Socket.Path != path {
		d.log.Warn("the configuration names another control socket, and so dispatcherctl looks for it there",
			"socket", path, "brokers.socket.path", cfg.Socket.Path)
	}
	return true
}

// metricsConfig is the section [metrics], and what it is without one for a socket that
// was passed; nil when there are no metrics.
func (d *Daemon) metricsConfig(cfg *config.Config) *metrics.Config {
	if cfg.Metrics == nil && d.host.Sockets[systemd.MetricsSocket] != nil {
		usual := metrics.DefaultConfig()
		return &usual
	}
	return cfg.Metrics
}

// takeMetrics has the server serve the address that was passed, if one was.
func (d *Daemon) takeMetrics(server *metrics.Server) {
	if listener := d.host.Sockets[systemd.MetricsSocket]; listener != nil {
		server.Take(listener)
		d.log.Info("the metrics' socket is the service manager's", "address", metrics.Place(listener))
	}
}
