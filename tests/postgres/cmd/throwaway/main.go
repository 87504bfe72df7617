// Command throwaway runs a command beside a PostgreSQL of its own, which is gone afterwards:
//
//	throwaway -- COMMAND [ARGUMENT...]
//
// COMMAND finds the database by PGHOST, PGPORT, PGUSER and PGDATABASE, or by the connection string in
// DISPATCHERD_DEMO_CONNINFO. The exit status is COMMAND's; 69 if there is no PostgreSQL server on this machine.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"dispatcherd/tests/postgres"
)

// Exit statuses beside the command's own: as in sysexits(3), and as a shell has them.
const (
	exitUsage       = 64
	exitUnavailable = 69
	exitFailure     = 70
	exitNotRun      = 127
	exitSignal      = 128
)

func main() { os.Exit(run(os.Args[1:])) }

// run starts the cluster, runs the command, ends the cluster, and returns the exit status.
func run(args []string) int {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: throwaway -- COMMAND [ARGUMENT...]")
		return exitUsage
	}
	// Caught from the first moment on, so that no signal skips the end of the cluster.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	cluster, err := postgres.Open(postgres.Options{TCP: false})
	switch {
	case errors.Is(err, postgres.ErrAbsent):
		fmt.Fprintln(os.Stderr, "throwaway:", err)
		return exitUnavailable
	case err != nil:
		fmt.Fprintln(os.Stderr, "throwaway:", err)
		return exitFailure
	}
	status := command(cluster, args, signals)
	if err := cluster.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "throwaway: end of postgres:", err)
	}
	return status
}

// command runs args with the database in its environment and returns its exit status. It passes SIGTERM
// on; the others come from a terminal, which sends them to the command as well.
func command(cluster *postgres.Cluster, args []string, signals <-chan os.Signal) int {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(append(os.Environ(), cluster.Env()...), "DISPATCHERD_DEMO_CONNINFO="+cluster.ConnInfo())
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "throwaway:", err)
		return exitNotRun
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGTERM {
				_ = cmd.Process.Signal(s) // it may have ended, which the other case sees
			}
		case err := <-ended:
			return exitStatus(cmd.ProcessState, err)
		}
	}
}

// exitStatus is what a shell would make of the end of a command.
func exitStatus(state *os.ProcessState, err error) int {
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return exitSignal + int(ws.Signal())
	}
	if err != nil && state.ExitCode() == 0 {
		return exitFailure
	}
	return state.ExitCode()
}
