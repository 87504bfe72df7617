package process

import (
	"strings"
	"testing"
)

func TestVariableOfTheServiceManagerIsRefused(t *testing.T) {
	t.Parallel()
	for name, refused := range map[string]bool{"NOTIFY_SOCKET": true, "LISTEN_PIDFDID": true, "DJANGO_SETTINGS_MODULE": false} {
		cfg := DefaultConfig()
		cfg.Env = map[string]string{name: "secret"}
		err := cfg.Validate()
		if !refused && err != nil {
			t.Errorf("worker.env.%s: %v", name, err)
		}
		if refused && (err == nil || !strings.HasPrefix(err.Error(), "worker.env: ") || strings.Contains(err.Error(), "secret")) {
			t.Errorf("worker.env.%s: %v, want it refused without its value", name, err)
		}
	}
}
