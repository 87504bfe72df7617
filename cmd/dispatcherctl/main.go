// Command dispatcherctl asks a running dispatcherd what it is doing, and tells it what to do.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
)

func main() {
	cobra.EnableCommandSorting = false // the commands stand in the order of control.Specs
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := execute(ctx, os.Args[1:], console{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}
