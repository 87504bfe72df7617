package tests

import (
	"fmt"
	"os"
	"testing"

	"dispatcherd/tests/binaries"
)

// programs is where TestMain builds dispatcherd and dispatcherctl, with the race
// detector in them.
var programs string

func TestMain(m *testing.M) {
	if err := os.Setenv("DISPATCHERD_LOG_FORMAT", "logfmt"); err != nil { // what the tests read
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(binaries.Main(m, &programs))
}
