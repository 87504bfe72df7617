package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// ErrAbsent says that this machine has no PostgreSQL server to start.
var ErrAbsent = errors.New("no PostgreSQL server here: install the package postgresql (Debian) or postgresql-server (Fedora), or set PG_BINDIR to the directory that holds initdb, postgres and psql")

// packageDirectories are where distributions put what is not on PATH.
var packageDirectories = []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"}

var versionInPath = regexp.MustCompile(`\d+`)

// findBinaries returns the directory of initdb, postgres and psql: $PG_BINDIR and nothing else if that
// is set, the one on PATH, or the newest that a distribution has put elsewhere.
func findBinaries() (string, error) {
	if dir := os.Getenv("PG_BINDIR"); dir != "" {
		if !holdsBinaries(dir) {
			return "", fmt.Errorf("PG_BINDIR is %s, where initdb, postgres or psql is missing: %w", dir, ErrAbsent)
		}
		return dir, nil
	}
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if dir := filepath.Dir(initdb); holdsBinaries(dir) {
			return dir, nil
		}
	}
	var found []string
	for _, pattern := range packageDirectories {
		matches, _ := filepath.Glob(pattern) // errs only on a bad pattern
		found = append(found, matches...)
	}
	slices.SortFunc(found, func(a, b string) int { return cmp.Compare(version(b), version(a)) })
	for _, dir := range found {
		if holdsBinaries(dir) {
			return dir, nil
		}
	}
	return "", ErrAbsent
}

// holdsBinaries tells whether dir has all that is needed.
func holdsBinaries(dir string) bool {
	for _, name := range []string{"initdb", "postgres", "psql"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// version returns the first number in a path, 0 if there is none.
func version(path string) int {
	n, _ := strconv.Atoi(versionInPath.FindString(path)) // 0 will do
	return n
}
