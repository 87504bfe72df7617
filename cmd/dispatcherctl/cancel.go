package main

import (
	"github.com/spf13/cobra"

	"dispatcherd/control"
)

// newCancel returns the cancel command. A filter without any condition would mean every task, which is only done when it
// is said.
func newCancel(opts *options, spec control.Spec) *cobra.Command {
	cmd := newQuery(opts, spec)
	all := cmd.Flags().Bool("all", false, "every task")
	query := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		data, err := queryData(cmd, spec)
		if err != nil {
			return err
		}
		switch {
		case len(data) == 0 && !*all:
			return usage("cancel needs --task or --uuid, or --all for every task")
		case len(data) > 0 && *all:
			return usage("cancel takes either --all or --task and --uuid")
		}
		return query(cmd, args)
	}
	return cmd
}
