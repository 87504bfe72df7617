package supervisor

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// changed returns a value of the type that differs from the zero one.
func changed(t *testing.T, of reflect.Type) reflect.Value {
	t.Helper()
	v := reflect.New(of).Elem()
	switch of.Kind() {
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.String:
		v.SetString("x")
	case reflect.Slice:
		v.Set(reflect.MakeSlice(of, 1, 1))
		if of.Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(`{"x":1}`))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(of))
		v.SetMapIndex(reflect.ValueOf("x"), reflect.ValueOf("x"))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Struct:
		v.Set(reflect.ValueOf(limitsOf(t, `{"tasks_max": 1}`)))
	default:
		t.Fatalf("the test knows no value of type %s", of)
	}
	return v
}

func TestSpecsDifferByWhatTheForkServerMustKnow(t *testing.T) {
	t.Parallel()
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Spec]()) {
		var s Spec
		reflect.ValueOf(&s).Elem().FieldByIndex(f.Index).Set(changed(t, f.Type))
		want := strings.HasSuffix(f.Name, "Grace") || slices.Contains([]string{"Lanes", "Leftovers", "Limits", "Require"}, f.Name)
		if got := s.equal(Spec{}); got != want {
			t.Errorf("specs that differ by %s: equal = %v, want %v", f.Name, got, want)
		}
		if !s.equal(s) {
			t.Errorf("a spec with %s differs from itself", f.Name)
		}
	}
}

func TestSettingsAndKwargsReachTheForkServer(t *testing.T) {
	t.Parallel()
	spec := Spec{Python: "python3", Settings: json.RawMessage(`{"version":2}`), Kwargs: json.RawMessage(`{"retries":3}`)}
	a, b := packetPair(t)
	if err := writePacket(a, forkSpecOf(spec), nil); err != nil {
		t.Fatal(err)
	}
	var got forkSpec
	if _, err := newReader(b).read(&got); err != nil || string(got.Settings) != `{"version":2}` || string(got.Kwargs) != `{"retries":3}` {
		t.Errorf("the fork server reads settings %s and kwargs %s, %v", got.Settings, got.Kwargs, err)
	}
}

func TestTooLargeSettingsAreRefusedUnquoted(t *testing.T) {
	t.Parallel()
	for name, spec := range map[string]Spec{
		"settings":        {Python: "python3", Settings: json.RawMessage(`"` + strings.Repeat("hunter2", maxSpec/7) + `"`)},
		"kwargs":          {Python: "python3", Kwargs: json.RawMessage(`"` + strings.Repeat("hunter2", maxSpec/7) + `"`)},
		"what is no JSON": {Python: "python3", Settings: json.RawMessage(`hunter2`)},
	} {
		err := spec.Check()
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.HasPrefix(err.Error(), "worker spec: ") {
			t.Errorf("%s: check = %v, want an error that does not quote them", name, err)
		}
	}
}

func TestForkServersPacketIsBoundedToo(t *testing.T) {
	t.Parallel()
	spec := Spec{Python: "x", Settings: json.RawMessage(`""`)}
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	spec.Settings = json.RawMessage(`"` + strings.Repeat("x", maxSpec-len(text)) + `"`)
	if text, err = json.Marshal(spec); err != nil || len(text) != maxSpec {
		t.Fatalf("the spec has %d bytes, %v, want %d", len(text), err, maxSpec)
	}
	if err := spec.Check(); err == nil {
		t.Error("a spec is accepted whose packet for the fork server is longer than the kernel may take")
	}
}
