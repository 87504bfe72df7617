package pgnotify

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Config is the section [brokers.pg_notify].
type Config struct {
	// Conninfo says where the database is: libpq's keyword=value pairs, or a postgres:// URL.
	// What it leaves open comes from the PG* environment, the service file and the password
	// file, which are read again at each connection. Default: all of it from there.
	Conninfo string `toml:"conninfo"`
	// Passfile is the password file: a path, or "credential:NAME" for what the service manager
	// gives to the service under this name, which may be a password alone as well. It is read
	// again at each connection. Default: passfile= of Conninfo, else PGPASSFILE, else ~/.pgpass.
	Passfile string `toml:"passfile"`
	// Channels are the channels that the listener listens to. Default: none.
	Channels []string `toml:"channels"`
	// DefaultPublishChannel takes what is published without a channel. Default: the only
	// entry of Channels, if there is exactly one.
	DefaultPublishChannel string `toml:"default_publish_channel"`
	// ConnectTimeout bounds the connection to each host, unless Conninfo or PGCONNECT_TIMEOUT
	// gives a bound of its own. Default 10s.
	ConnectTimeout time.Duration `toml:"connect_timeout"`
	// MaxConnectionIdle is how long the listener stays without any notification before it asks
	// the server whether the connection still listens. 0 turns that off. Default 30s.
	MaxConnectionIdle time.Duration `toml:"max_connection_idle"`
}

// DefaultConfig returns the settings of a section that says nothing.
func DefaultConfig() Config {
	return Config{ConnectTimeout: 10 * time.Second, MaxConnectionIdle: 30 * time.Second}
}

// Validate names every setting that cannot work, one per line. No line holds Conninfo, nor any part
// of it that could be a password.
func (c Config) Validate() error {
	var problems []error
	problem := func(key, format string, args ...any) {
		problems = append(problems, fmt.Errorf("brokers.pg_notify.%s: %s", key, fmt.Sprintf(format, args...)))
	}
	if c.Passfile != "" && keyword(c.Conninfo, "passfile") != "" {
		problem("passfile", "must be left out where conninfo has a passfile")
	}
	if err := c.check(); err != nil {
		problems = append(problems, err)
	}
	for i, channel := range c.Channels {
		if err := checkChannel(channel); err != nil {
			problem("channels", "%v", err)
		}
		if slices.Contains(c.Channels[:i], channel) {
			problem("channels", "must be different names, got %q twice", channel)
		}
	}
	if c.DefaultPublishChannel != "" {
		if err := checkChannel(c.DefaultPublishChannel); err != nil {
			problem("default_publish_channel", "%v", err)
		}
	}
	if c.ConnectTimeout <= 0 {
		problem("connect_timeout", "must be more than 0s, got %v", c.ConnectTimeout)
	}
	if c.MaxConnectionIdle < 0 {
		problem("max_connection_idle", "must be at least 0s (which turns the check off), got %v", c.MaxConnectionIdle)
	}
	return errors.Join(problems...)
}

// check says what is wrong with Conninfo and Passfile. A credential is looked for where there are
// any: dispatcherctl, and a check of the file by hand, have none.
func (c Config) check() error {
	if _, err := c.parse(); err != nil {
		return err
	}
	if name, found := strings.CutPrefix(c.passfile(), credentialPrefix); found && !credentialName.MatchString(name) {
		return c.credentialError(fmt.Errorf("must be credential:NAME, with the name that the service's LoadCredential= has, got %q", name))
	}
	if os.Getenv(credentialDirectory) == "" {
		return nil
	}
	_, err := c.Credential()
	return err
}

// PublishChannel returns the channel on which something is published: the one asked for; else the
// default; else the only one that is listened to.
func (c Config) PublishChannel(asked string) (string, error) {
	switch {
	case asked != "":
		if err := checkChannel(asked); err != nil {
			return "", fmt.Errorf("channel: %w", err)
		}
		return asked, nil
	case c.DefaultPublishChannel != "":
		return c.DefaultPublishChannel, nil
	case len(c.Channels) == 1:
		return c.Channels[0], nil
	}
	return "", errors.New("no channel to publish on: name one, or set brokers.pg_notify.default_publish_channel")
}
