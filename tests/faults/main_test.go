package faults

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"dispatcherd/tests/binaries"
	"dispatcherd/tests/postgres"
)

// programs is where TestMain builds dispatcherd and dispatcherctl, with the race detector in them.
var programs string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := binaries.Build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	programs = dir
	// Services wait for most of the time: more of them at once than there are CPUs. The command line wins.
	if err := flag.Set("test.parallel", "6"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := postgres.CloseShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}
