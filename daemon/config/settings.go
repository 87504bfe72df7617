package config

import (
	"encoding/json"
	"path/filepath"

	"dispatcherd/pgnotify"
)

// object is a JSON object.
type object = map[string]any

// settings returns what the Python library of the workers is to have, in the form of the
// original's configuration: enough for a task that publishes or asks the daemon. The
// password of the database is left out unless the file says otherwise; a credential, which
// workers cannot read, is then the password that it holds.
func (c Config) settings() json.RawMessage {
	brokers, publish := object{}, object{}
	if pg := c.PgNotify; pg != nil {
		conninfo := pgnotify.WithoutCredential(pg.Conninfo)
		if !c.Worker.Credentials {
			conninfo = pgnotify.WithoutPassword(conninfo)
		}
		connection := object{"conninfo": conninfo}
		if pg.Passfile != "" && !pgnotify.IsCredential(pg.Passfile) {
			connection["passfile"] = pg.Passfile
		}
		if password := c.credential(); password != "" {
			connection["password"] = password
		}
		broker := object{"config": connection, "channels": append([]string{}, pg.Channels...)}
		if pg.DefaultPublishChannel != "" {
			broker["default_publish_channel"] = pg.DefaultPublishChannel
		}
		brokers["pg_notify"] = broker
	}
	if c.Socket.Path != "" {
		path := c.Socket.Path
		if absolute, err := filepath.Abs(path); err == nil { // workers may start elsewhere
			path = absolute
		}
		brokers["socket"] = object{"socket_path": path}
		publish["default_control_broker"] = "socket"
	}
	if len(brokers) > 1 {
		publish["default_broker"] = "pg_notify"
	}
	text, err := json.Marshal(object{
		"version": formatVersion, "brokers": brokers, "producers": object{}, "publish": publish,
		"service": object{
			"pool_kwargs": object{"min_workers": c.Pool.MinWorkers, "max_workers": c.Pool.MaxWorkers},
			"main_kwargs": object{"node_id": c.NodeID},
		},
		"worker": c.workerSettings(),
	})
	if err != nil {
		return nil // a number in worker.kwargs that JSON lacks; Validate has named it
	}
	return text
}

// credential returns the password that workers get of a credential; "" if they may not have it, or
// there is none. Whoever connects says why.
func (c Config) credential() string {
	if c.PgNotify == nil || !c.Worker.Credentials {
		return ""
	}
	password, err := c.PgNotify.Credential()
	if err != nil {
		return ""
	}
	return password
}

func (c Config) workerSettings() object {
	worker, kwargs := object{}, object{}
	for name, value := range c.Worker.Kwargs {
		kwargs[name] = value
	}
	if c.Worker.IdleTimeout > 0 {
		kwargs["idle_timeout"] = c.Worker.IdleTimeout.Seconds()
	}
	if len(kwargs) > 0 {
		worker["worker_kwargs"] = kwargs
	}
	if c.Worker.Class != "" {
		worker["worker_cls"] = c.Worker.Class
	}
	return worker
}
