package main

import (
	"slices"

	"github.com/spf13/cobra"

	"dispatcherd/control"
)

// newCancel returns the cancel command. A filter without any condition would mean every task, which is only done when it
// is said.
func newCancel(opts *options, spec control.Spec) *cobra.Command {
	cmd := newQuery(opts, spec)
	all := cmd.Flags().Bool("all", false, "every task")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
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
		if *all {
			data["all"] = true // without which a daemon may refuse it
		}
		replies, err := opts.query(cmd.Context(), spec, data)
		if err == nil && len(replies) > 0 && !slices.ContainsFunc(replies, listsTasks) {
			return errNoMatch
		}
		return err
	}
	return cmd
}

// errNoMatch is no failure: what was to be cancelled is not there.
var errNoMatch = &notice{"no task matched"}

// listsTasks says whether there is a task in a reply; every key but node_id is one.
func listsTasks(reply any) bool {
	tasks, _ := reply.(map[string]any)
	for key := range tasks {
		if key != "node_id" {
			return true
		}
	}
	return false
}
