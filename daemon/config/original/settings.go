package original

import (
	"encoding/json"

	"dispatcherd/pgnotify"
)

// sections are what the original passes to its workers.
var sections = []string{"brokers", "producers", "service", "publish", "worker"}

// Settings returns what the workers' library is to have: the file's sections as they are,
// less the password of the database unless credentials says that they may have it. A passfile
// that is a credential, which they cannot read, is left out; password is what they get for it.
func (t *Translation) Settings(credentials bool, password string) json.RawMessage {
	whole := &node{kind: mapping, entries: []entry{{key: "version", value: &node{scalar: int64(2)}}}}
	for _, name := range sections {
		value := t.root.entry(name)
		if value == nil {
			value = &node{kind: mapping}
		}
		if name == "service" && value.entry("pool_kwargs") == nil {
			value = value.with("pool_kwargs", &node{kind: mapping})
		}
		if name == "brokers" {
			value = forWorkers(value, credentials, password)
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

// forWorkers takes out of the brokers' section what workers may not have or cannot read.
func forWorkers(brokers *node, credentials bool, password string) *node {
	pg := brokers.entry("pg_notify")
	if pg == nil || pg.entry("config") == nil {
		return brokers
	}
	config := &node{kind: mapping}
	for _, e := range pg.entry("config").entries {
		text, isText := e.value.text()
		switch {
		case !credentials && pgnotify.IsPassword(e.key), e.key == "passfile" && pgnotify.IsCredential(text):
			continue
		case e.key == "conninfo" && isText && !credentials:
			e.value = &node{scalar: pgnotify.WithoutCredential(pgnotify.WithoutPassword(text))}
		case e.key == "conninfo" && isText:
			e.value = &node{scalar: pgnotify.WithoutCredential(text)}
		}
		config.entries = append(config.entries, e)
	}
	if password != "" {
		config = config.with("password", &node{scalar: password})
	}
	return brokers.with("pg_notify", pg.with("config", config))
}
