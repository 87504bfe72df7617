package tests

import (
	"strings"
	"testing"

	"dispatcherd/tests/postgres"
	"github.com/google/go-cmp/cmp"
)

// selfCheck is what the daemon says of the checks of its connection.
func (d *daemon) selfCheck() map[string]any {
	d.t.Helper()
	producer, _ := d.ask("producers")["pg_notify-producer"].(map[string]any)
	check, _ := producer["broker_self_check"].(map[string]any)
	return check
}

func TestSelfChecksOfAnIdleConnectionAreCounted(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	d := start(t, config(t, "", "", listening(db, "jobs")+`max_connection_idle = "50ms"`))
	waitFor(t, "a self-check", func() bool { n, _ := d.selfCheck()["success_count"].(float64); return n >= 2 })
	check := d.selfCheck()
	average, _ := check["average_time_seconds"].(float64)
	longest, _ := check["max_time_seconds"].(float64)
	if check["enabled"] != true || average <= 0 || longest < average {
		t.Errorf("the self-check is shown as %v", check)
	}
	if received := d.figure("producers", "pg_notify-producer", "produced_count"); received != 0 {
		t.Errorf("the self-checks made %d messages", received)
	}
}

func TestSelfCheckThatIsTurnedOffIsShownSo(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	d := start(t, config(t, "", "", listening(db, "jobs")+`max_connection_idle = "0s"`))
	d.waitLog(lineListening)
	want := map[string]any{"enabled": false, "success_count": 0.0, "average_time_seconds": nil, "max_time_seconds": nil}
	if diff := cmp.Diff(want, d.selfCheck()); diff != "" {
		t.Errorf("the self-check (-want +got):\n%s", diff)
	}
	if text := d.ctl("producers", "--output", "table").stdout; !strings.Contains(text, "off") {
		t.Errorf("the table does not say that it is off:\n%s", text)
	}
}
