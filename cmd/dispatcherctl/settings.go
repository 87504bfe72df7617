package main

import (
	"fmt"

	"dispatcherd/daemon/config"
)

// socketPath finds the socket: named on the command line, or in the configuration.
func (o *options) socketPath() (string, error) {
	if o.socket != "" {
		return o.socket, nil
	}
	file, err := config.Find(o.config)
	if err != nil {
		return "", fmt.Errorf("%w; --socket names the socket without it", err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		return "", fmt.Errorf("%w; --socket names the socket without it", err)
	}
	if cfg.Socket.Path == "" {
		return "", fmt.Errorf("%s names no socket ([brokers.socket] path), nor does --socket", file)
	}
	return cfg.Socket.Path, nil
}
