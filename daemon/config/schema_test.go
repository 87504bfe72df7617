package config

import (
	"reflect"
	"testing"

	"dispatcherd/daemon/config/original"
)

// A section may be given a field of a type that value does not know yet.
func TestEveryFieldCanBeRead(t *testing.T) {
	t.Parallel()
	var check func(key string, field reflect.Type)
	check = func(key string, field reflect.Type) {
		switch field.Kind() {
		case reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Interface:
		case reflect.Slice, reflect.Map:
			check(key+"[]", field.Elem())
		case reflect.Struct:
			for name, f := range fieldsOf(field) {
				check(original.Join(key, name), f.Type)
			}
		default:
			t.Errorf("%s: decoder.value has no case for a %s", key, field)
		}
	}
	check("", reflect.TypeFor[document]())
}

func TestKeysOfEmbeddedSectionsAreTheirOwn(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{
		"version": true, "pool.max_workers": true, "brokers.socket.path": true, "schedule[3].task": true,
		"schedule[0].every": true, "on_start[0].every": false, "on_start.task": false, "pool": true, "": false, "Config": false,
	} {
		if got := known(key); got != want {
			t.Errorf("known(%q) = %v, want %v", key, got, want)
		}
	}
}

func TestEditDistanceCountsToThree(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"path", "path", 0},
		{"", "ab", 2},
		{"pth", "path", 1},
		{"paths", "path", 1},
		{"pash", "path", 1},
		{"apth", "path", 2},
		{"min_worker", "max_workers", 3},
		{"socket", "pool", 3},
		{"x", "worker_max_lifetime", 3},
		{"kitten", "sitting", 3},
	} {
		for _, pair := range [][2]string{{tt.a, tt.b}, {tt.b, tt.a}} {
			if got := editDistance(pair[0], pair[1]); got != tt.want {
				t.Errorf("editDistance(%q, %q) = %d, want %d", pair[0], pair[1], got, tt.want)
			}
		}
	}
}

func TestSecretsAreKnownByTheirKeys(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{
		"brokers.pg_notify.conninfo": true, "worker.env": true, "worker.env.A": true, "schedule[0].kwargs": true,
		"schedule[0].args[1]": true, "conninfo": true, "worker.environment": false, "pool.max_workers": false, "my_env": false, "": false,
	} {
		if got := secret(key); got != want {
			t.Errorf("secret(%q) = %v, want %v", key, got, want)
		}
	}
}
