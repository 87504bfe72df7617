package consumers

import (
	"fmt"
	"os"
	"testing"

	"dispatcherd/tests/binaries"
	"dispatcherd/tests/postgres"
)

// programs is where TestMain builds dispatcherd and dispatcherctl.
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
	code := m.Run()
	if err := postgres.CloseShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}
