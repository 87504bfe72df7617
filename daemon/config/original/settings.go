package original

import (
	"encoding/json"

	"dispatcherd/pgnotify"
)

// sections are what the original passes to its workers.
var sections = []string{"brokers", "producers", "service", "publish", "worker"}

// Settings returns what the workers' library is to have: the file's sections as they are,
// less the password of the database where credentials says so.
func (t *Translation) Settings(credentials bool) json.RawMessage {
	whole := &node{kind: mapping, entries: []entry{{key: "version", value: &node{scalar: int64(2)}}}}
	for _, name := range sections {
		value := t.root.entry(name)
		if value == nil {
			value = &node{kind: mapping}
		}
		if name == "service" && value.entry("pool_kwargs") == nil {
			value = value.with("pool_kwargs", &node{kind: mapping})
		}
		if name == "brokers" && !credentials {
			value = withoutPasswords(value)
		}
		whole = whole.with(name, value)
	}
	return whole.appendJSON(nil)
}

// with returns a mapping that has another value under a key.
func (n *node) with(key string, value *node) *node {
	to := *n
	to.entries = nil
	found := false
	for _, e := range n.entries {
		if e.key == key {
			e.value, found = value, true
		}
		to.entries = append(to.entries, e)
	}
	if !found {
		to.entries = append(to.entries, entry{key: key, value: value})
	}
	return &to
}

// withoutPasswords takes the passwords out of the brokers' section.
func withoutPasswords(brokers *node) *node {
	pg := brokers.entry("pg_notify")
	if pg == nil || pg.entry("config") == nil {
		return brokers
	}
	config := &node{kind: mapping}
	for _, e := range pg.entry("config").entries {
		if pgnotify.IsPassword(e.key) {
			continue
		}
		if text, ok := e.value.text(); ok && e.key == "conninfo" {
			e.value = &node{scalar: pgnotify.WithoutPassword(text)}
		}
		config.entries = append(config.entries, e)
	}
	return brokers.with("pg_notify", pg.with("config", config))
}
