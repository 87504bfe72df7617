package journaltest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
)

// Entry is the fields of an entry.
type Entry map[string]string

// has says whether e has all of want's values; one that ends in "*" is the beginning of
// e's.
func (e Entry) has(want Entry) bool {
	for name, value := range want {
		got, ok := e[name]
		beginning, more := strings.CutSuffix(value, "*")
		if !ok || got != value && !(more && strings.HasPrefix(got, beginning)) {
			return false
		}
	}
	return true
}

// fieldName is a name that journald keeps.
var fieldName = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)

// Parse reads an entry as https://systemd.io/JOURNAL_NATIVE_PROTOCOL has it, and refuses
// what journald would drop.
func Parse(data []byte) (Entry, error) {
	e := Entry{}
	for len(data) > 0 {
		line, rest, ok := bytes.Cut(data, []byte("\n"))
		if !ok {
			return nil, fmt.Errorf("%.100q has no end", data)
		}
		name, value, plain := bytes.Cut(line, []byte("="))
		if !plain {
			if len(rest) < 8 {
				return nil, fmt.Errorf("field %s has no length", name)
			}
			size := binary.LittleEndian.Uint64(rest)
			if rest = rest[8:]; uint64(len(rest)) <= size || rest[size] != '\n' {
				return nil, fmt.Errorf("field %s has not the length %d", name, size)
			}
			value, rest = rest[:size], rest[size+1:]
		}
		if !fieldName.Match(name) {
			return nil, fmt.Errorf("%.100q is no name of a field", name)
		}
		if _, twice := e[string(name)]; twice {
			return nil, fmt.Errorf("field %s is there twice", name)
		}
		e[string(name)] = string(value)
		data = rest
	}
	return e, nil
}
