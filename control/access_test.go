package control

import "testing"

func TestAccessPermitsByWhetherACommandActs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		access  Access
		command string
		want    bool
	}{
		{FullAccess, "cancel", true},
		{FullAccess, "running", true},
		{ReadOnly, "cancel", false},
		{ReadOnly, "run", false},
		{ReadOnly, "running", true},
		{ReadOnly, "no such command", true},
		{NoAccess, "alive", false},
		{NoAccess, "run", false},
		{NoAccess, "no such command", false},
	} {
		if got := tt.access.Permits(tt.command); got != tt.want {
			t.Errorf("Access(%q).Permits(%q) = %v, want %v", tt.access, tt.command, got, tt.want)
		}
	}
}

func TestAccessMustBeOneOfThree(t *testing.T) {
	t.Parallel()
	for _, a := range []Access{ReadOnly, FullAccess, NoAccess} {
		if err := a.Validate("k"); err != nil {
			t.Errorf("Access(%q).Validate = %v", a, err)
		}
	}
	err := Access("write").Validate("brokers.pg_notify.control")
	if want := `brokers.pg_notify.control: must be "read", "all" or "none", got "write"`; err == nil || err.Error() != want {
		t.Errorf("Validate = %v, want %s", err, want)
	}
}
