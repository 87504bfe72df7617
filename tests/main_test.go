package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"dispatcherd/tests/postgres"
)

// programs is where TestMain builds dispatcherd and dispatcherctl, with the race
// detector in them.
var programs string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "dispatcherd-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	programs = dir
	// A program with the race detector would sleep a second before it ends.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := os.Setenv("DISPATCHERD_LOG_FORMAT", "logfmt"); err != nil { // what the tests read
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, name := range []string{"dispatcherd", "dispatcherctl"} {
		out, err := exec.Command("go", "build", "-race", "-o", filepath.Join(dir, name), "../cmd/"+name).CombinedOutput()
		if err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n%s", name, err, out)
			return 1
		}
	}
	code := m.Run()
	if err := postgres.CloseShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}
