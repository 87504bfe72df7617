// Package binaries builds dispatcherd and dispatcherctl for the tests that start them.
package binaries

import (
	"fmt"
	"os"
	"os/exec"
)

// Build puts both, with the race detector in them, into a new directory, which is the
// caller's to remove. From then on, programs with the race detector that this process
// starts end without the second that they would sleep before.
func Build() (dir string, err error) {
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		return "", err
	}
	if dir, err = os.MkdirTemp("", "dispatcherd-bin-"); err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-race", "-o", dir, "dispatcherd/cmd/dispatcherd", "dispatcherd/cmd/dispatcherctl").CombinedOutput()
	if err != nil {
		_ = os.RemoveAll(dir) // err is what counts
		return "", fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return dir, nil
}
