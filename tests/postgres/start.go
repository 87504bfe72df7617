package postgres

import (
	"errors"
	"os"
	"sync"
	"testing"
)

// Start returns a cluster, with a socket only, that ends with the test. Without a PostgreSQL server the test is skipped, or
// fails if DISPATCHERD_TEST_REQUIRE=1.
func Start(t testing.TB) *Cluster {
	t.Helper()
	return StartWith(t, Options{})
}

// StartWith is Start with options.
func StartWith(t testing.TB, o Options) *Cluster {
	t.Helper()
	c, err := Open(o)
	if err != nil {
		absent(t, err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("end of the throw-away postgres: %v", err)
		}
	})
	return c
}

// shared is the one cluster of a test binary, for tests that only need a database.
var shared struct {
	once    sync.Once
	cluster *Cluster
	err     error
}

// Shared returns a cluster, with TCP, that all tests of the binary share; none may stop it. TestMain ends
// it with CloseShared.
func Shared(t testing.TB) *Cluster {
	t.Helper()
	shared.once.Do(func() { shared.cluster, shared.err = Open(Options{TCP: true}) })
	if shared.err != nil {
		absent(t, shared.err)
	}
	return shared.cluster
}

// CloseShared ends the shared cluster, if a test has asked for it. If TestMain never comes to this, the
// cluster ends with the process.
func CloseShared() error {
	if shared.cluster == nil {
		return nil
	}
	return shared.cluster.Close()
}

// absent skips the test if there is no PostgreSQL server to start, and fails it otherwise.
func absent(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrAbsent) && os.Getenv("DISPATCHERD_TEST_REQUIRE") != "1" {
		t.Skip(err)
	}
	t.Fatal(err)
}
