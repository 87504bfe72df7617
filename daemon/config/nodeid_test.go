package config

import (
	"os"
	"testing"
)

func TestNodeIDIsTheNameOfTheHostByDefault(t *testing.T) {
	t.Parallel()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if got := Default().NodeID; got != host {
		t.Errorf("Default().NodeID = %q, want %q", got, host)
	}
}
