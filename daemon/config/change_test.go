package config

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// leaves lists the paths of what adopt compares: a section behind a pointer, and what is in it.
func leaves(path string, of reflect.Type) (all []string) {
	if of.Kind() == reflect.Pointer {
		return append([]string{path}, leaves(path, of.Elem())...)
	}
	if of.Kind() != reflect.Struct || readsText(of) {
		return []string{path}
	}
	for i := range of.NumField() {
		all = append(all, leaves(inside(path, of.Field(i)), of.Field(i).Type)...)
	}
	return all
}

func TestEveryFieldIsLiveOrNeedsARestart(t *testing.T) {
	t.Parallel()
	fields := leaves("", reflect.TypeFor[Config]())
	slices.Sort(fields)
	if diff := cmp.Diff(fields, slices.Sorted(maps.Keys(effects))); diff != "" {
		t.Errorf("fields of Config -fields +effects:\n%s", diff)
	}
	for field, e := range effects {
		if e.key == "" && e.effect != derived {
			t.Errorf("%s has no key by which people know it", field)
		}
	}
}

// Each key of the file is among those whose effect is known.
func TestEveryKeyOfTheFileHasAnEffect(t *testing.T) {
	t.Parallel()
	var known []string
	for _, e := range effects {
		known = append(known, e.key)
	}
	for _, key := range allKeys() {
		within := func(k string) bool {
			return k == key || k != "" && (strings.HasPrefix(key, k+"[]") || strings.HasPrefix(k, key+"."))
		}
		if !slices.ContainsFunc(known, within) {
			t.Errorf("a reload does not know %s", key)
		}
	}
}

// reloaded writes two texts one after the other and reloads.
func reloaded(t *testing.T, name, before, after string) (now, next *Config, c Changes) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	for _, text := range []string{before, after} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if now == nil {
			var err error
			if now, err = Load(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	next, c, err := Reload(now)
	if err != nil {
		t.Fatal(err)
	}
	return now, next, c
}

func TestReloadTellsWhatHasChangedAndKeepsWhatCannot(t *testing.T) {
	t.Parallel()
	const base = "version = 2\nnode_id = \"a\"\n[brokers.socket]\npath = \"a.sock\"\n"
	for _, tt := range []struct {
		name, before, after string
		want                Changes
	}{
		{"nothing", base, "# a comment\n" + base, Changes{}},
		{"pool", base, base + "[pool]\nmax_workers = 99\nshutdown_grace = \"1s\"\n", Changes{Live: []string{"pool.max_workers", "pool.shutdown_grace"}}},
		{"tasks", base, base + "[worker]\ntasks_allow = [\"a.*\"]\n", Changes{Live: []string{"worker.tasks_allow"}, Workers: true}},
		{"node", base, strings.Replace(base, `"a"`, `"b"`, 1), Changes{Restart: []string{"node_id"}}},
		{"socket", base, strings.Replace(base, "a.sock", "b.sock", 1), Changes{Restart: []string{"brokers.socket.path"}}},
		{"metrics", base, base + "[metrics]\n", Changes{Restart: []string{"metrics"}}},
		{"Postgres", base, base + "[brokers.pg_notify]\nconninfo = \"host=/x\"\nchannels = [\"a\"]\n", Changes{Restart: []string{"brokers.pg_notify"}}},
		{"rights", base, base + "[control]\noperators = [\"@ops\"]\n", Changes{Live: []string{"control.operators"}}},
		{"an empty filter", base, base + "[control]\ncancel_without_filter = true\n", Changes{Live: []string{"control.cancel_without_filter"}}},
		{"on_start", base, base + "[[on_start]]\ntask = \"a.b\"\n", Changes{Restart: []string{"on_start"}}},
		{"schedule", base, base + "[[schedule]]\ntask = \"a.b\"\nevery = \"5s\"\n", Changes{Live: []string{"schedule"}}},
	} {
		now, next, got := reloaded(t, "x.toml", tt.before, tt.after)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: changes (-want +got):\n%s", tt.name, diff)
		}
		if next.NodeID != now.NodeID || next.Socket != now.Socket || next.Metrics != now.Metrics || next.PgNotify != now.PgNotify {
			t.Errorf("%s: what needs a restart is used: %+v", tt.name, next)
		}
	}
}

func TestChangedPostgresReachesListenerAndWorkers(t *testing.T) {
	t.Parallel()
	const base = "version = 2\n[brokers.pg_notify]\nconninfo = \"host=/x password=one\"\nchannels = [\"a\"]\n"
	_, next, c := reloaded(t, "x.toml", base, strings.Replace(base, `["a"]`, `["a", "b"]`, 1))
	want := Changes{Live: []string{librarySettings, "brokers.pg_notify.channels"}, Workers: true}
	if diff := cmp.Diff(want, c); diff != "" || len(next.PgNotify.Channels) != 2 {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	// The password is not among what workers see.
	_, _, c = reloaded(t, "x.toml", base, strings.Replace(base, "one", "two", 1))
	if diff := cmp.Diff(Changes{Live: []string{"brokers.pg_notify.conninfo"}}, c); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestReloadOfTheOriginalsYAMLKeepsItsRandomName(t *testing.T) {
	t.Parallel()
	const base = "version: 2\nbrokers: {socket: {socket_path: d.sock}}\n"
	now, next, c := reloaded(t, "x.yml", base, base+"service: {pool_kwargs: {max_workers: 7, worker_stop_wait: 5}}\n")
	if diff := cmp.Diff(Changes{Live: []string{"pool.max_workers", "pool.cancel_grace"}}, c); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if next.NodeID != now.NodeID || next.Pool.CancelGrace != 5*time.Second {
		t.Errorf("node_id was %s and is %s; cancel_grace is %v", now.NodeID, next.NodeID, next.Pool.CancelGrace)
	}
}

func TestFileThatCannotBeUsedIsNotReloaded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.toml")
	now := Default()
	now.File = path
	if _, _, err := Reload(&now); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("Reload of a file that is gone = %v", err)
	}
	if err := os.WriteFile(path, []byte("version = 2\n[pool]\nmin_worker = 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Reload(&now); err == nil || !strings.Contains(err.Error(), "did you mean pool.min_workers?") {
		t.Errorf("Reload of a file with a typo = %v", err)
	}
}

func TestReloadNamesEachLimitThatHasChanged(t *testing.T) {
	t.Parallel()
	const begin = "version = 2\n[brokers.socket]\npath = \"d.sock\"\n"
	_, next, c := reloaded(t, "x.toml",
		begin+"[limits]\nmemory_max = \"512M\"\ntasks_max = 7\n[[task]]\nmatch = \"a\"\n",
		begin+"[limits]\nmemory_max = \"0.5G\"\ntasks_max = 8\ncpu_quota = \"50%\"\n[cgroups]\nrequire = true\n[[task]]\nmatch = \"b\"\n")
	want := Changes{Live: []string{"limits.cpu_quota", "limits.tasks_max", "task"}, Restart: []string{"cgroups.require"}}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if next.Cgroups.Require || next.Policy.Tasks[0].Match != "b" || next.Policy.Limits != limitsOf(t, `{"memory_max": "512M", "tasks_max": 8, "cpu_quota": "50%"}`) {
		t.Errorf("from now on %+v and %+v count", next.Cgroups, next.Policy)
	}
}

// The table in the document says of each key when a change of it counts.
func TestDocumentSaysWhenAChangeCounts(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	row := func(counts string) []*regexp.Regexp {
		line := regexp.MustCompile("(?m)^\\| (.*) \\| " + counts + ".* \\|$").FindStringSubmatch(string(document))
		if line == nil {
			t.Fatalf("there is no row for what counts %s", counts)
		}
		var keys []*regexp.Regexp
		for _, m := range regexp.MustCompile("`([a-z_.*]+)`").FindAllStringSubmatch(line[1], -1) {
			pattern := strings.ReplaceAll(regexp.QuoteMeta(m[1]), `\*`, `[a-z_]+`)
			keys = append(keys, regexp.MustCompile("^"+pattern+"$"))
		}
		return keys
	}
	atOnce, withTasks, later := row("at once"), row("for every task"), row("after a restart")
	for field, e := range effects {
		want := atOnce
		switch {
		case e.effect == derived, e.key == librarySettings, field == "Original", field == "RefuseRun": // in words, or of YAML alone
			continue
		case e.effect == restart:
			want = later
		case strings.HasPrefix(field, "Worker."):
			want = withTasks
		}
		if !slices.ContainsFunc(want, func(r *regexp.Regexp) bool { return r.MatchString(e.key) }) {
			t.Errorf("docs/configuration.md does not say that of %s", e.key)
		}
	}
}
