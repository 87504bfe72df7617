package daemon

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dispatcherd/daemon/config"
)

// manager keeps what a service manager would be told.
type manager struct{ told []string }

func (m *manager) Reloading(string)    { m.told = append(m.told, "reloading") }
func (m *manager) Ready(status string) { m.told = append(m.told, "ready: "+status) }

// unstarted returns a daemon that does not run, and how to change its file.
func unstarted(t *testing.T) (d *Daemon, rewrite func(string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "d.toml")
	rewrite = func(text string) {
		if err := os.WriteFile(path, []byte("version = 2\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rewrite("[brokers.socket]\npath = \"d.sock\"\n")
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return New(cfg, nil, &slog.LevelVar{}, Host{}, slog.New(slog.DiscardHandler)), rewrite
}

func TestServiceManagerIsToldOfEachReload(t *testing.T) {
	t.Parallel()
	d, rewrite := unstarted(t)
	if err := d.Reload(t.Context()); err != nil { // nobody wants to know
		t.Error(err)
	}
	m := &manager{}
	d.Announce(m)
	if err := d.Reload(t.Context()); err != nil {
		t.Error(err)
	}
	rewrite("nonsense = 1\n")
	if err := d.Reload(t.Context()); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("Reload of a bad file = %v, want one line", err)
	}
	if want := []string{
		"reloading", "ready: the configuration is reloaded",
		"reloading", "ready: the configuration could not be reloaded, and is as it was",
	}; !slices.Equal(m.told, want) {
		t.Errorf("it was told %v, want %v", m.told, want)
	}
}

func TestReloadThatCannotWaitForAnotherSaysSo(t *testing.T) {
	t.Parallel()
	d, _ := unstarted(t)
	<-d.service.reloader.turn // as one that is under way
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Reload(ctx); err == nil || !strings.HasPrefix(err.Error(), "wait for the reload before this one") {
		t.Errorf("Reload = %v", err)
	}
}

func TestEachReloadOfThePythonConfigurationIsAGenerationOfItsOwn(t *testing.T) {
	t.Parallel()
	d, rewrite := unstarted(t)
	const socket = "[brokers.socket]\npath = \"d.sock\"\n"
	for i, text := range []string{socket, socket + "[pool]\nmax_workers = 7\n", socket + "[worker]\npreload = [\"a\"]\n", socket} {
		rewrite(text)
		if err := d.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := d.service.reloader.generation, max(i, 1); got != want {
			t.Errorf("after reload %d the generation is %d, want %d", i, got, want)
		}
	}
}

func TestSpecThatIsTooLargeChangesNothing(t *testing.T) {
	t.Parallel()
	d, rewrite := unstarted(t)
	rewrite("[brokers.socket]\npath = \"d.sock\"\n[pool]\nmax_workers = 7\n[worker]\nenv = {A = \"" + strings.Repeat("x", 200_000) + "\"}\n")
	before := d.service.cfg.Load()
	if err := d.Reload(t.Context()); err == nil {
		t.Error("Reload takes it")
	}
	if d.service.cfg.Load() != before || d.service.reloader.generation != 1 {
		t.Error("something has changed")
	}
}
