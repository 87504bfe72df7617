package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// The values of --broker, named as in the configuration.
const (
	brokerSocket   = "socket"
	brokerPostgres = "pg_notify"
)

// options are those that every command takes.
type options struct {
	std      console
	socket   string
	config   string
	timeout  seconds
	output   choice
	logLevel choice
	expected int
	broker   choice
	channel  string

	understood bool // the command line is right as far as its form goes
}

func defaultOptions(std console) *options {
	o := &options{
		std:      std,
		timeout:  seconds(5 * time.Second),
		output:   choice{text: "yaml", from: []string{"yaml", "json", "table"}},
		logLevel: choice{text: "warning", from: []string{"debug", "info", "warning", "error", "critical"}},
		expected: 1,
		broker:   choice{from: []string{brokerSocket, brokerPostgres}},
	}
	if isTerminal(std.out) {
		o.output.text = "table"
	}
	return o
}

// register makes them options of root and of every command below it.
func (o *options) register(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&o.socket, "socket", "", "control socket of the daemon")
	flags.StringVar(&o.config, "config", "", "configuration `FILE`, TOML or the YAML of the Python dispatcherd")
	flags.Var(&o.timeout, "timeout", "how long to wait for the reply, as in 5 or 500ms")
	flags.VarP(&o.output, "output", "o", "form of the output: "+strings.Join(o.output.from, ", ")+" (table by default on a terminal)")
	flags.Var(&o.broker, "broker", "way to the daemon: socket, or pg_notify for all that listen on a channel of the configured Postgres")
	flags.StringVar(&o.channel, "channel", "", "Postgres `CHANNEL` of the request (default [brokers.pg_notify] default_publish_channel)")
	flags.IntVar(&o.expected, "expected-replies", o.expected, "how many daemons should answer; a socket has one")
	flags.Var(&o.logLevel, "log-level", "accepted for scripts of the Python dispatcherctl; nothing but errors is logged")
	// The default depends on where the output goes: it would make the help differ between a terminal and a file.
	flags.Lookup("output").DefValue = ""
	flags.Lookup("log-level").DefValue = ""
	root.Flags().String("task", "", "--task of running, cancel and history, before the command")
	root.Flags().String("uuid", "", "--uuid of running, cancel and run, before the command")
}

// settle hands the options that stand before a command and are its own to it, and refuses what does not fit together.
func (o *options) settle(cmd *cobra.Command) error {
	if o.channel != "" && (o.broker.text == brokerSocket || o.socket != "") {
		return usage("--channel is a channel of Postgres: it does not go with the socket")
	}
	root := cmd.Root()
	if cmd == root {
		return nil
	}
	for _, name := range []string{"task", "uuid"} {
		early, own := root.Flags().Lookup(name), cmd.Flags().Lookup(name)
		switch {
		case !early.Changed:
		case own == nil:
			return usage("%s takes no --%s", cmd.Name(), name)
		case !own.Changed: // else what comes later counts
			if err := cmd.Flags().Set(name, early.Value.String()); err != nil {
				return fmt.Errorf("--%s: %w", name, err)
			}
		}
	}
	return nil
}

// isTerminal says whether a person is looking at what is written.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
