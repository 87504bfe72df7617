package config

import (
	"fmt"
	"slices"
	"strings"

	"dispatcherd/control"
	"dispatcherd/daemon/config/original"
)

// maxNotes bounds how many are kept; a file with more is not what it should be.
const maxNotes = 100

// notes returns what is to be known about a file of the original, a line each. The first
// is about trust.
func notes(file string, t *original.Translation, c *Config) []string {
	lines := []string{fmt.Sprintf("%s: %s", file, trust(c))}
	if c.checkInput() != nil {
		lines = append(lines, fmt.Sprintf("%s: nothing in it brings tasks in: no channel, no socket, no producer of tasks", file))
	}
	for i, r := range t.Notes {
		if i == maxNotes {
			return append(lines, fmt.Sprintf("%s: and %d notes more", file, len(t.Notes)-i))
		}
		lines = append(lines, Problem{File: file, Line: r.Line, Key: r.Key, Want: r.Text}.String())
	}
	return lines
}

// trust says who may do what in a service that is as open as the original, and how that
// is tightened.
func trust(c *Config) string {
	text := "this is the configuration of the Python original"
	var tighter []string
	if c.Worker.Tasks == "any" {
		text += `; worker.tasks is "any", as there: whoever can send a message can run any Python, lambda text too`
		tighter = append(tighter, "worker: {tasks: registered}")
	}
	if c.PgNotify != nil && c.PgNotifyControl == control.FullAccess {
		text += `; brokers.pg_notify.control is "all", as there: whoever can NOTIFY can cancel and run tasks`
		tighter = append(tighter, "brokers: {pg_notify: {control: read}}")
	}
	if c.Socket.Path != "" && slices.Contains(c.Rights.Operators, "*") {
		text += `; control.operators is "*", as there: whoever can connect to the socket can cancel tasks`
		tighter = append(tighter, "control: {operators: []}")
	}
	if len(tighter) > 0 {
		text += "; to tighten that, add the section dispatcherd: {" + strings.Join(tighter, ", ") + "}, which the original ignores"
	}
	return text
}
