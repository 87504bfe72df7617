package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"dispatcherd/daemon/journal"
)

var (
	errNoJournal = errors.New("there is no journal on this host: the daemon writes its log to standard error, each line of a task with its uuid")
	errNoAccess  = errors.New("you may not read the journal: it takes root, or a member of the group systemd-journal")
)

// logs is one call of the logs command.
type logs struct {
	opts   *options
	follow bool
	lines  uint
}

// newLogs returns the command that shows what the journal has of one run of a task. It needs no daemon.
func newLogs(opts *options) *cobra.Command {
	l := &logs{opts: opts}
	cmd := &cobra.Command{
		Use:   "logs UUID",
		Short: "Show what the journal has of one run of a task",
		Long: `Show what the journal has of one run of a task: what it printed, what it said by Python's logging, and the daemon's own
lines about it. It is journalctl ` + journal.TaskUUID + `=UUID, with --output json if that is asked for.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return usage("logs needs exactly one uuid")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return l.show(cmd.Context(), l.arguments(args[0], cmd.Flags().Changed("lines")))
		},
	}
	cmd.Flags().BoolVarP(&l.follow, "follow", "f", false, "go on with what is written from now on")
	cmd.Flags().UintVarP(&l.lines, "lines", "n", 0, "`NUMBER` of the last entries to be shown (default all)")
	return cmd
}

// arguments are what journalctl is told.
func (l *logs) arguments(uuid string, limited bool) []string {
	args := []string{"--no-pager"}
	switch {
	case limited:
		args = append(args, "--lines="+strconv.FormatUint(uint64(l.lines), 10))
	case l.follow:
		args = append(args, "--no-tail")
	}
	if l.follow {
		args = append(args, "--follow")
	}
	if l.opts.output.text == "json" {
		args = append(args, "--output=json")
	}
	return append(args, journal.Match(uuid))
}

// show runs journalctl. One that can show nothing is not waited for.
func (l *logs) show(ctx context.Context, args []string) error {
	ctx, useless := context.WithCancelCause(ctx)
	defer useless(nil)
	cmd := exec.CommandContext(ctx, "journalctl", args...)
	cmd.Stdout = l.opts.std.out
	cmd.Stderr = &remarks{to: l.opts.std.err, useless: useless}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return errNoJournal
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("journalctl: %w", err)
	}
	return nil
}

// remarks passes on what journalctl says on its standard error, except for what means that it can show nothing.
type remarks struct {
	to      io.Writer
	useless context.CancelCauseFunc
	line    []byte // that has begun
	hint    bool   // the hint about the group goes on in indented lines
}

func (r *remarks) Write(p []byte) (int, error) {
	r.line = append(r.line, p...)
	for {
		line, rest, whole := bytes.Cut(r.line, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		if err := r.read(string(line)); err != nil {
			return 0, err
		}
		r.line = rest
	}
}

// read judges one line; the texts are those of journalctl's journal_access_check_and_warn.
func (r *remarks) read(line string) error {
	switch {
	case r.hint && strings.HasPrefix(line, "      "):
		return nil
	case strings.HasPrefix(line, "No journal files were found"):
		r.useless(errNoJournal)
		return nil
	case strings.HasPrefix(line, "No journal files were opened due to insufficient permissions"),
		strings.HasPrefix(line, "Hint: You are currently not seeing messages from other users"):
		r.hint = true
		r.useless(errNoAccess)
		return nil
	}
	r.hint = false
	_, err := fmt.Fprintln(r.to, printable(line))
	return err
}
