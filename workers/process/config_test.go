package process

import (
	"math"
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

func TestKwargsBecomeJSON(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Kwargs = map[string]any{"retries": int64(3), "names": []any{"a", nil}}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	if got, want := string(cfg.Spec(1, 0, 0).Kwargs), `{"names":["a",null],"retries":3}`; got != want {
		t.Errorf("Spec has kwargs %s, want %s", got, want)
	}
	if got := DefaultConfig().Spec(1, 0, 0).Kwargs; got != nil {
		t.Errorf("Spec has kwargs %s without any in the configuration", got)
	}
}

func TestKwargsThatJSONLacksAreRefusedUnquoted(t *testing.T) {
	t.Parallel()
	for _, value := range []any{math.Inf(1), func() {}, map[string]any{"hunter2": math.NaN()}} {
		cfg := DefaultConfig()
		cfg.Kwargs = map[string]any{"key": value}
		err := cfg.Validate()
		if want := "worker.kwargs: must be made of what JSON has"; err == nil || err.Error() != want {
			t.Errorf("Validate = %v, want %s", err, want)
		}
	}
}

func TestSettingsTravelAsTheyAre(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Settings = []byte(`{"version":2}`)
	if got := string(cfg.Spec(1, 0, 0).Settings); got != `{"version":2}` {
		t.Errorf("Spec has settings %s", got)
	}
}
