package supervisor

import (
	"slices"
	"testing"
)

func TestEnvironmentIsOursLessTheManagersPlusTheSpecs(t *testing.T) {
	t.Parallel()
	own := []string{
		"PATH=/bin", "PYTHONPATH=/srv", "EMPTY=", "EQUALS=a=b", "nonsense",
		"NOTIFY_SOCKET=/run/n", "LISTEN_FDS=1", "LISTEN_PID=1", "LISTEN_FDNAMES=x", "WATCHDOG_USEC=1", "WATCHDOG_PID=1",
		"CREDENTIALS_DIRECTORY=/run/c", "JOURNAL_STREAM=1:2",
	}
	got := environ(own, map[string]string{"PATH": "/venv/bin:/bin", "LISTEN_ON": "the spec's own wish"})
	want := []string{"EMPTY=", "EQUALS=a=b", "LISTEN_ON=the spec's own wish", "PATH=/venv/bin:/bin", "PYTHONPATH=/srv"}
	if !slices.Equal(got, want) {
		t.Errorf("environ = %q, want %q", got, want)
	}
}
