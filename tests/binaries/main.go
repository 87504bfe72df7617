package binaries

import (
	"fmt"
	"os"
	"testing"

	"dispatcherd/tests/postgres"
)

// Main is what TestMain does where tests start the programs: it runs m with both of them in the
// directory *programs, ends what the tests have shared, and returns the exit code.
func Main(m *testing.M, programs *string) int {
	dir, err := Build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	*programs = dir
	code := m.Run()
	if err := postgres.CloseShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}
