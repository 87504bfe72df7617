package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"dispatcherd/tests/postgres"
)

// The Python tests that need a server: here is one for them.
func TestPythonLibraryOverPostgres(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	cmd := exec.CommandContext(t.Context(), virtual(t), "-B", "-m", "unittest", "-v", "tests.test_lib_postgres")
	cmd.Dir = filepath.Join("..", "workers", "python")
	cmd.Env = append(os.Environ(), "DISPATCHERD_TEST_CONNINFO="+db.ConnInfo(), "PYTHONPATH=.")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ran := regexp.MustCompile(`(?m) \.\.\. ok$`).FindAllString(string(out), -1)
	if len(ran) < 25 || strings.Contains(string(out), "skipped") {
		t.Errorf("%d tests ran, and some may have been skipped:\n%s", len(ran), out)
	}
}
