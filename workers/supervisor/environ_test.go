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

func TestVariablesOfTheServiceManagerAreReserved(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"NOTIFY_SOCKET": true, "WATCHDOG_USEC": true, "LISTEN_PIDFDID": true, "JOURNAL_STREAM": true, "CREDENTIALS_DIRECTORY": true,
		"PATH": false, "LISTEN": false, "": false, "MY_NOTIFY_SOCKET": false,
	} {
		if got := Reserved(name); got != want {
			t.Errorf("Reserved(%q) = %t, want %t", name, got, want)
		}
	}
}
