// Command bench measures what a service costs that runs Python tasks: the Python
// original, ours, and the bare parts that any such service is made of, in turns, in one
// run. Tasks are counted by the traces that they leave, not by what a service says.
//
// It prints figures and judges none by itself: the goals stand beside them in the table
// that -write puts into docs/performance.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	quick := flag.Bool("quick", false, "fewer rounds, and smaller numbers where those do not change what is measured")
	rounds := flag.Int("rounds", 5, "rounds of each trial")
	only := flag.String("only", "", "regular expression of the trials to run")
	list := flag.Bool("list", false, "list the trials")
	write := flag.String("write", "", "Markdown document whose tables are to be replaced, with a plot beside it")
	flag.Parse()
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	if *list {
		for _, t := range trials {
			fmt.Printf("%-12s %s\n", t.name, t.about)
		}
		return nil
	}
	if os.Getenv("DISPATCHERD_TEST_VENV") == "" || os.Getenv("PGHOST") == "" {
		return errors.New("run it with make bench: it needs a Postgres and the original's library")
	}
	if *quick {
		*rounds = 1
	}
	b, err := newBed(ctx, *quick)
	if err != nil {
		return err
	}
	defer b.close(context.WithoutCancel(ctx))
	r := newResults(*quick, *rounds)
	for _, t := range trials {
		if !wanted.MatchString(t.name) {
			continue
		}
		if err := t.run(ctx, b, r, *rounds); err != nil {
			return fmt.Errorf("trial %s: %w", t.name, err)
		}
	}
	r.print(os.Stdout)
	if *write != "" {
		return r.write(*write)
	}
	return nil
}
