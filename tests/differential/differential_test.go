package differential

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"dispatcherd/tests/postgres"
)

// programs is where TestMain builds dispatcherd and dispatcherctl, with the race detector in them.
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
	for _, name := range []string{"dispatcherd", "dispatcherctl"} {
		out, err := exec.Command("go", "build", "-race", "-o", filepath.Join(dir, name), "../../cmd/"+name).CombinedOutput()
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

func TestTry(t *testing.T) {
	steps, _ := strconv.Atoi(os.Getenv("STEPS"))
	for _, one := range strings.Fields(os.Getenv("SEEDS")) {
		seed, _ := strconv.ParseUint(one, 10, 64)
		began := time.Now()
		x := generate(seed, steps)
		t.Log(jsonText(x.Config))
		c := compare(t, x)
		t.Logf("seed %d: %v, %d skipped, allowed %v\n%s", seed, time.Since(began), c.skipped, c.allowed, c.String())
	}
}
