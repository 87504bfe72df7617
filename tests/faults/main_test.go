package faults

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"dispatcherd/tests/binaries"
)

// programs is where TestMain builds dispatcherd and dispatcherctl, with the race detector in them.
var programs string

func TestMain(m *testing.M) {
	// Services wait for most of the time: more of them at once than there are CPUs. The command line wins.
	if err := flag.Set("test.parallel", "6"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(binaries.Main(m, &programs))
}
