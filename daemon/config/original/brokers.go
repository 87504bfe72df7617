package original

import (
	"slices"
	"strconv"
	"strings"

	"dispatcherd/pgnotify"
)

const debugging = "dispatcherd.testing.brokers."

// brokers translates each broker that the daemon can listen to.
func (t *Translation) brokers(f field) {
	if f.kind != mapping {
		t.problem(f, "must be a mapping, or be left out", f.typeName())
		return
	}
	for _, e := range f.entries {
		inner := f.at(e)
		switch {
		case e.value.kind != mapping:
			t.problem(inner, "must be a mapping with the broker's options, {} where it has none", e.value.typeName())
		case e.key == "pg_notify":
			t.pgNotify(inner)
		case e.key == "socket":
			t.socket(inner)
		case slices.Contains([]string{debugging + "noop", debugging + "memory", debugging + "error_only"}, e.key):
			t.note(inner, "brings nothing in: it is a broker for the tests of publishers")
		case strings.Contains(e.key, "."):
			t.note(inner, "is not listened to: it names Python code, which the daemon cannot load; publishers may use it")
		default:
			t.problem(inner, "is no broker: there are pg_notify and socket, and modules with their full name", "")
		}
	}
}

func (t *Translation) socket(f field) {
	if f.entry("socket_path").isNull() {
		t.problem(f, "must have socket_path, the path of the socket", "")
	}
	t.set("control.operators", []any{"*"}, f) // whoever can connect may do everything
	t.section(f, handlers{"socket_path": t.as("brokers.socket.path")}, noArgument)
}

// noArgument is said of a key that the original would fail on.
const noArgument = "is ignored: the original has no such option, and would not start with it"

func (t *Translation) pgNotify(f field) {
	t.set("brokers.pg_notify", map[string]any{"control": "all"}, f)
	t.connection(f)
	t.selfCheck(f)
	live := t.ignored("is ignored: a connection that exists already can only be given in Python")
	t.section(f, handlers{
		"config":                             silently, // connection
		"channels":                           t.channels,
		"default_publish_channel":            t.orDefault("brokers.pg_notify.default_publish_channel"),
		"max_connection_idle_seconds":        t.orOff("brokers.pg_notify.max_connection_idle"),
		"max_self_check_message_age_seconds": t.messageAge,
		"sync_connection_factory":            t.factory,
		"async_connection_factory":           t.factory,
		"sync_connection":                    live,
		"async_connection":                   live,
	}, noArgument)
}

func (t *Translation) factory(f field) {
	if !f.falsy() {
		t.note(f, "is for publishers: it names Python code, which the daemon cannot call; it connects with config")
	}
}

func (t *Translation) messageAge(f field) {
	if !f.isNull() {
		t.note(f, "has no effect: a connection that is checked must answer in time, and no message is sent for that")
	}
}

// channels takes each name once: to listen twice is to listen.
func (t *Translation) channels(f field) {
	if f.kind != list {
		t.problem(f, "must be a list of channels, [] for none", f.typeName())
		return
	}
	names := []any{}
	for i, item := range f.items {
		name, ok := item.text()
		switch {
		case !ok:
			t.problem(f.item(i), "must be the name of a channel, quoted where it looks like a number or yes", item.shown())
		case slices.Contains(names, any(name)):
			t.note(f.item(i), "is there already")
		default:
			names = append(names, name)
		}
	}
	t.set("brokers.pg_notify.channels", names, f)
}

// selfCheck makes sure of what the original makes sure of, about how often it asks
// whether the connection still listens.
func (t *Translation) selfCheck(f field) {
	const idleKey, ageKey = "max_connection_idle_seconds", "max_self_check_message_age_seconds"
	idle, age := 30.0, 2.0
	idleAt, ageAt := f.inner(idleKey), f.inner(ageKey)
	if idleAt.node != nil {
		var ok bool
		if idle, ok = idleAt.number(); !ok {
			return // null is off, and anything else is named by its own handler
		}
	}
	if ageAt.node != nil {
		if ageAt.isNull() {
			t.problem(ageAt, "must be a number of seconds where "+idleKey+" is one", "null")
			return
		}
		var ok bool
		if age, ok = ageAt.number(); !ok {
			t.problem(ageAt, "must be a number of seconds, or null", ageAt.shown())
			return
		}
	}
	if age > idle {
		at := ageAt
		if at.node == nil {
			at = idleAt
		}
		t.problem(at, "must be such that "+ageKey+" ("+number(age)+") is at most "+idleKey+" ("+number(idle)+")", "")
	}
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// inner returns an entry; its node is nil where there is none.
func (f field) inner(name string) field {
	for _, e := range f.entries {
		if e.key == name {
			return field{Join(f.key, name), e.line, e.value}
		}
	}
	return field{key: Join(f.key, name), line: f.line}
}

// connection makes a conninfo of what is given to psycopg's connect.
func (t *Translation) connection(f field) {
	config := f.inner("config")
	if config.isNull() || config.kind == mapping && config.falsy() {
		want := "must be given, as config: {conninfo: \"host=... dbname=...\"}"
		for _, name := range []string{"sync_connection_factory", "async_connection_factory"} {
			if factory := f.inner(name); !factory.isNull() {
				want += "; " + name + " names Python code, which publishers can call and the daemon cannot"
				break
			}
		}
		t.problem(config, want, "")
		return
	}
	if config.kind != mapping {
		t.problem(config, "must be a mapping with the arguments of psycopg's connect", config.typeName())
		return
	}
	t.conninfo(config)
}

// forPython are arguments of psycopg's connect that say how Python uses a connection.
var forPython = []string{"autocommit", "context", "cursor_factory", "prepare_threshold", "row_factory"}

func (t *Translation) conninfo(config field) {
	conninfo, keywords, bad := "", []pgnotify.Keyword{}, false
	for _, e := range config.entries {
		at := config.at(e)
		switch text, ok := argument(e.value); {
		case slices.Contains(forPython, e.key), e.value.isNull():
		case !ok:
			bad = true
			t.problem(at, "must be a text or a number", e.value.typeName())
		case e.key == "conninfo":
			conninfo = text
		case e.key == "database" && config.entry("dbname").isNull():
			keywords = append(keywords, pgnotify.Keyword{Name: "dbname", Value: text})
		case e.key == "database":
			bad = true
			t.problem(at, "must be left out beside dbname, which means the same", "")
		default:
			keywords = append(keywords, pgnotify.Keyword{Name: e.key, Value: text})
		}
	}
	whole, err := pgnotify.WithKeywords(conninfo, keywords...)
	if err != nil {
		t.problem(config, err.Error(), "")
		return
	}
	if !bad {
		t.set("brokers.pg_notify.conninfo", whole, config)
	}
}

// argument returns the text of a value as libpq gets it.
func argument(n *node) (string, bool) {
	switch v := n.scalar.(type) {
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return floatText(v), true
	}
	return "", false
}
