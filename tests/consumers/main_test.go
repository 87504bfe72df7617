package consumers

import (
	"os"
	"testing"

	"dispatcherd/tests/binaries"
)

// programs is where TestMain builds dispatcherd and dispatcherctl.
var programs string

func TestMain(m *testing.M) { os.Exit(binaries.Main(m, &programs)) }
