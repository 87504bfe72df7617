package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"dispatcherd/daemon/config"
)

// newConfig returns the commands about configuration files, which need no daemon.
func newConfig(opts *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Convert the configuration of the Python original",
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q of config", args[0])
			}
			return usage("config needs a command: convert")
		},
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "convert [FILE]",
		Short: "Print the TOML that a YAML file of the Python original comes to",
		Long: `Print the TOML that a YAML file of the Python original comes to, such as

    dispatcherctl config convert dispatcher.yml > dispatcherd.toml

It begins with comments on everything that has no counterpart or another meaning. Passwords and the arguments of tasks
are printed as they are in the file: keep the output as private as the file.

Without FILE, the file is the one that a daemon would read.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("unexpected argument %q", args[1])
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return opts.convert(args) },
	})
	return cmd
}

func (o *options) convert(args []string) error {
	path, err := "", error(nil)
	if len(args) > 0 {
		path = args[0]
	} else if path, err = config.Find(o.config); err != nil {
		return err
	}
	text, err := config.Convert(path)
	var problems config.Problems
	if errors.As(err, &problems) { // each line begins with its place, as a compiler's does
		fmt.Fprintln(o.std.err, problems)
		return errUnsuccessful
	}
	if err != nil {
		return err
	}
	if _, err := io.WriteString(o.std.out, text); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}
