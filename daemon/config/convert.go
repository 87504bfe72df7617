package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"dispatcherd/control"
	"dispatcherd/daemon/config/original"
)

// Convert returns the TOML that means what a file of the Python original means, secrets
// included, with comments on what has no counterpart. Its error is a Problems.
func Convert(path string) (string, error) {
	text, problem := read(path)
	if problem != nil {
		problem.File = path
		return "", Problems{*problem}
	}
	if !isYAML(path, text) {
		return "", Problems{{File: path, Want: "must be YAML of the Python original, and is TOML already"}}
	}
	c, t, problems := parseYAML(path, text)
	if len(problems) > 0 {
		return "", problems.sorted()
	}
	if problems = nulls(path, t); len(problems) > 0 {
		return "", problems.sorted()
	}
	out := remarks(path, t, c) + tomlText(t.Tree)
	// What is written here is read again before anybody has it.
	back, problems := parse("dispatcherd.toml", []byte(out))
	if len(problems) > 0 {
		return "", append(Problems{{File: path, Want: "has no counterpart in TOML, which would have these problems:"}}, problems...)
	}
	if !sameMeaning(c, back) {
		return "", Problems{{File: path, Want: "has a value that would be read as another one from TOML, such as a key without a name in a list; keep the YAML"}}
	}
	return out, nil
}

// sameMeaning compares what the sections of two files say.
func sameMeaning(a, b *Config) bool {
	sections := func(c Config) Config {
		c.Worker.Settings = nil
		if len(c.Schedule.OnStart) == 0 {
			c.Schedule.OnStart = nil // an empty list of tables is not written
		}
		if len(c.Schedule.Schedule) == 0 {
			c.Schedule.Schedule = nil
		}
		return Config{
			ChunkMessageTimeout: c.ChunkMessageTimeout, Pool: c.Pool, Worker: c.Worker, PgNotify: c.PgNotify,
			PgNotifyControl: c.PgNotifyControl, Socket: c.Socket, Rights: c.Rights, Schedule: c.Schedule, Metrics: c.Metrics, Cgroups: c.Cgroups, Policy: c.Policy,
		}
	}
	return reflect.DeepEqual(sections(*a), sections(*b))
}

// nulls names the values that TOML cannot hold.
func nulls(file string, t *original.Translation) (found Problems) {
	var look func(key string, value any)
	look = func(key string, value any) {
		switch v := value.(type) {
		case nil:
			found = append(found, Problem{File: file, Line: nearestPlace(t.Places, key).Line, Key: key, Want: "is null, which TOML does not have; leave it out, or keep the YAML"})
		case []any:
			for i, item := range v {
				look(original.Element(key, i), item)
			}
		case map[string]any:
			for name, item := range v {
				look(original.Join(key, name), item)
			}
		}
	}
	look("", t.Tree)
	return Problems(nil).addTranslated(found, t.Places)
}

func nearestPlace(places map[string]original.Place, key string) original.Place {
	for ; key != ""; key = original.Parent(key) {
		if p, ok := places[key]; ok {
			return p
		}
	}
	return original.Place{}
}

// remarks is the comment at the head of a converted file.
func remarks(path string, t *original.Translation, c *Config) string {
	var lines []string
	say := func(so bool, line string) {
		if so {
			lines = append(lines, line)
		}
	}
	say(c.Worker.Tasks == "any", `worker.tasks is "any", as with the original: whoever can send a message can run any Python, lambda text too. "registered" lets through what is marked with @task.`)
	say(c.Worker.Credentials, "worker.credentials lets tasks have the database's password, as the original does.")
	say(c.Pool.ShutdownGrace == 0, `pool.shutdown_grace is "0s", as with the original: a stop cancels running tasks at once.`)
	say(c.PgNotify != nil && c.PgNotifyControl == control.FullAccess,
		`brokers.pg_notify.control is "all", as with the original: whoever can NOTIFY can cancel and run tasks.`)
	say(c.Socket.Path != "" && slices.Contains(c.Rights.Operators, "*"),
		`control.operators is ["*"], as with the original: whoever can connect to the socket can cancel tasks.`)
	say(c.Rights.CancelWithoutFilter, "control.cancel_without_filter is true, as with the original: a cancel that names no task cancels every one.")
	say(t.Places["node_id"].Line == 0, "node_id is not there: it is the host's name. The original has a new random one at each start.")
	say(t.RefuseRun, "There is no ControlProducer, without which the original refuses run. Here run needs none.")
	say(c.Socket.Path != "" && c.ControlBroker == "pg_notify", "dispatcherctl takes the socket, where the original's takes Postgres: --broker pg_notify does, too.")
	for _, r := range t.Notes {
		lines = append(lines, fmt.Sprintf("line %d: %s: %s.", r.Line, r.Key, r.Text))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Converted from %s, a configuration of the Python original.\n", commented(filepath.Base(path)))
	b.WriteString("# What has another meaning here, or none, and what is good to know:\n#\n")
	for _, line := range lines {
		fmt.Fprintf(&b, "# - %s\n", commented(line))
	}
	b.WriteByte('\n')
	return b.String()
}

// commented returns a text that stays in its line.
func commented(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, text)
}
