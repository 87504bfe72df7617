package message

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// oracle is a Python that answers for its json module, see testdata/oracle.py.
type oracle struct {
	in  io.Writer
	out io.Reader
}

func startOracle(t *testing.T) *oracle {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 on PATH: nothing to compare with")
	}
	cmd := exec.Command(python, "-I", "testdata/oracle.py")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("oracle: %v: %s", err, &stderr)
		}
	})
	return &oracle{in, out}
}

func (o *oracle) ask(t interface{ Fatalf(string, ...any) }, operation byte, documents ...string) string {
	request := []byte{operation}
	for _, d := range documents {
		request = binary.LittleEndian.AppendUint32(request, uint32(len(d)))
		request = append(request, d...)
	}
	if _, err := o.in.Write(request); err != nil {
		t.Fatalf("ask the oracle about %q: %v", documents, err)
	}
	var size [4]byte
	if _, err := io.ReadFull(o.out, size[:]); err != nil {
		t.Fatalf("answer of the oracle to %q: %v", documents, err)
	}
	answer := make([]byte, binary.LittleEndian.Uint32(size[:]))
	if _, err := io.ReadFull(o.out, answer); err != nil {
		t.Fatalf("answer of the oracle to %q: %v", documents, err)
	}
	return string(answer)
}

// show writes a decoded value as the oracle does.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "n"
	case bool:
		return map[bool]string{true: "t", false: "f"}[v]
	case Number:
		switch f := floatOf([]byte(v)); {
		case v == "-0":
			return "i0"
		case isInt([]byte(v)):
			return "i" + string(v)
		case math.IsNaN(f):
			return "dnan"
		default:
			return fmt.Sprintf("d%016x", math.Float64bits(f))
		}
	case string:
		return "s" + hex.EncodeToString([]byte(v))
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, show(item))
		}
		return "[" + strings.Join(items, ",") + "]"
	case map[string]any:
		var items []string
		for key, item := range v {
			items = append(items, show(key)+":"+show(item))
		}
		slices.Sort(items)
		return "{" + strings.Join(items, ",") + "}"
	default:
		return fmt.Sprintf("unexpected %T", v)
	}
}

// computed replaces numbers by what Python calculates with.
func computed(v any) any {
	switch v := v.(type) {
	case Number:
		switch {
		case v == "-0":
			return 0
		case isInt([]byte(v)):
			return v
		default:
			return floatOf([]byte(v))
		}
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = computed(v[i])
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for key := range v {
			object[key] = computed(v[key])
		}
		return object
	default:
		return v
	}
}

// decodesLikePython compares verdict, value, and the text that is written of the value.
func decodesLikePython(t interface {
	Fatalf(string, ...any)
	Errorf(string, ...any)
}, o *oracle, text string) (accepted bool) {
	answer := o.ask(t, 'D', text)
	v, err := Decode([]byte(text))
	if err != nil {
		if answer != "!" {
			t.Errorf("Decode(%q) = %v, Python takes it", text, err)
		}
		return false
	}
	value, dump, _ := strings.Cut(answer, "\n")
	if got := show(v); got != value {
		t.Errorf("Decode(%q) = %s, Python has %s", text, got, value)
	}
	if got := string(Encode(computed(v))); got != dump {
		t.Errorf("Encode(Decode(%q)) = %s, Python has %s", text, got, dump)
	}
	return true
}

func TestDecodeAndEncodeAgreeWithPython(t *testing.T) {
	t.Parallel()
	o := startOracle(t)
	for _, text := range slices.Concat(validTexts, brokenTexts, spellings(numberClasses), spellings(stringClasses)) {
		decodesLikePython(t, o, text)
	}
	accepted, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			text := renderedText.Draw(t, "text")
			if !decodesLikePython(t, o, text) {
				t.Errorf("generated document %q was refused", text)
			}
			if decodesLikePython(t, o, damage(t, text)) {
				accepted++
			} else {
				refused++
			}
		}
	})
	if accepted == 0 || refused == 0 {
		t.Errorf("%d damaged documents were accepted and %d refused: one side was not tested", accepted, refused)
	}
}

func TestKeyAgreesWithPythonEquality(t *testing.T) {
	t.Parallel()
	o := startOracle(t)
	equal, different := 0, 0
	compare := func(t interface {
		Fatalf(string, ...any)
		Errorf(string, ...any)
	}, a, b string) {
		want := o.ask(t, 'E', a, b) == "1"
		if got := keyOfText(t, a) == keyOfText(t, b); got != want {
			t.Errorf("keys of %q and %q equal: %t, in Python: %t", a, b, got, want)
		}
		if want {
			equal++
		} else {
			different++
		}
	}
	numbers := spellings(numberClasses)
	for i, a := range numbers {
		for _, b := range numbers[i:] {
			compare(t, `{"args": [`+a+`]}`, `{"args": [`+b+`]}`)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			a, b := messagePair(t)
			compare(t, a, b)
		}
	})
	if equal < 100 || different < 100 {
		t.Errorf("%d equal and %d different pairs: one side was not tested", equal, different)
	}
}

func keyOfText(t interface{ Fatalf(string, ...any) }, text string) Key {
	m, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return m.Key
}
