package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The exit codes of the program.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitInterrupted = 130 // as shells report a program that SIGINT has ended
)

// errUnsuccessful ends the program with exit code 1 when everything was said already.
var errUnsuccessful = errors.New("unsuccessful")

// errInterrupted says more than context.Canceled where there is more to say.
var errInterrupted = errors.New("interrupted")

// usageError is a mistake on the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usage(format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...)}
}

// notice is said on stderr and leaves the exit code at 0.
type notice struct{ text string }

func (e *notice) Error() string { return e.text }

// report writes an error as one line and returns the exit code for it. All output to stderr is made here.
func report(w io.Writer, err error) int {
	var mistake *usageError
	var remark *notice
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUnsuccessful):
		return exitFailure
	case errors.As(err, &remark):
		fmt.Fprintf(w, "dispatcherctl: %s\n", remark.text)
		return 0
	case errors.As(err, &mistake):
		fmt.Fprintf(w, "dispatcherctl: %s (see dispatcherctl --help)\n", oneLine(mistake.text))
		return exitUsage
	case errors.Is(err, errInterrupted):
		fmt.Fprintf(w, "dispatcherctl: %s\n", oneLine(err.Error()))
		return exitInterrupted
	case errors.Is(err, context.Canceled):
		fmt.Fprintf(w, "dispatcherctl: %s\n", errInterrupted)
		return exitInterrupted
	default:
		fmt.Fprintf(w, "dispatcherctl: %s\n", oneLine(err.Error()))
		return exitFailure
	}
}

// oneLine joins the lines of errors that come in several.
func oneLine(text string) string {
	return printable(strings.ReplaceAll(strings.TrimSpace(text), "\n", "; "))
}
