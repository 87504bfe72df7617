package metrics

import "testing"

func TestListenMustBeAnAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		listen string
		ok     bool
	}{
		{"localhost:8070", true}, {"[::1]:9", true}, {":8070", true}, {"localhost:0", true},
		{"localhost", false}, {"localhost:http", false}, {"localhost:70000", false}, {"", false}, {"localhost:", false},
	} {
		if err := (Config{Listen: tt.listen}).Validate(); (err == nil) != tt.ok {
			t.Errorf("Validate of listen = %q: %v", tt.listen, err)
		}
	}
}

func TestPageIsOnTheOriginalsAddressByDefault(t *testing.T) {
	t.Parallel()
	if got := DefaultConfig().Listen; got != "localhost:8070" {
		t.Errorf("the default is %s, want localhost:8070", got)
	}
}
