package main

import (
	"errors"
	"fmt"
	"slices"

	"dispatcherd/daemon/config"
)

// socketPath finds the socket: named on the command line, or in the configuration.
func (o *options) socketPath() (string, error) {
	if o.socket != "" {
		return o.socket, nil
	}
	file, cfg, err := o.configuration()
	if err != nil {
		return "", fmt.Errorf("%w; --socket names the socket without it", err)
	}
	if cfg.Socket.Path == "" {
		return "", fmt.Errorf("%s names no socket ([brokers.socket] path), nor does --socket", file)
	}
	return cfg.Socket.Path, nil
}

// way is the broker that a request takes: the one that is named, the only one that the other options go with, or the one
// that the configuration has for it.
func (o *options) way() (string, error) {
	switch {
	case o.broker.text != "":
		return o.broker.text, nil
	case o.socket != "":
		return brokerSocket, nil
	case o.channel != "":
		return brokerPostgres, nil
	}
	file, cfg, err := o.configuration()
	switch {
	case err != nil:
		return "", fmt.Errorf("%w; --socket names the socket without it", err)
	case slices.Contains(o.broker.from, cfg.ControlBroker):
		return cfg.ControlBroker, nil
	case cfg.ControlBroker != "":
		return "", fmt.Errorf("%s has %q for control, which only Python can load: --broker names another", file, cfg.ControlBroker)
	case cfg.Socket.Path != "" && cfg.PgNotify != nil:
		return "", fmt.Errorf("%s has no publish.default_control_broker to tell which of its brokers to take, nor is there --broker", file)
	}
	return "", fmt.Errorf("%s names no socket ([brokers.socket] path), nor does --socket", file)
}

// configuration finds and reads the configuration file. Of many problems it names the first: one line has no room for more.
func (o *options) configuration() (file string, cfg *config.Config, err error) {
	if file, err = config.Find(o.config); err != nil {
		return "", nil, err
	}
	cfg, err = config.Load(file)
	var problems config.Problems
	if errors.As(err, &problems) && len(problems) > 1 {
		err = fmt.Errorf("%s; and %d more (dispatcherd --check shows them)", problems[0], len(problems)-1)
	}
	return file, cfg, err
}
