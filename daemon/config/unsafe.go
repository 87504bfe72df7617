package config

import (
	"fmt"
	"slices"
	"strings"

	"dispatcherd/control"
)

// itsFormat is what is said of a file of the original.
const itsFormat = "this is the configuration of the Python original"

// opening is one thing that the original leaves open, and ours does not by default.
type opening struct {
	key, value string // which leave it open
	who        string // may do what
	tighter    string // the key in the section of our own in the original's file
	risky      bool   // it is told of in a file of ours, too: there the rest is a matter of rights
}

// openings are those that a configuration has.
func (c *Config) openings() (found []opening) {
	add := func(is bool, o opening) {
		if is {
			found = append(found, o)
		}
	}
	add(c.Worker.Tasks == "any", opening{
		"worker.tasks", `"any"`, "whoever can send a message can run any Python, lambda text too", "worker: {tasks: registered}", true,
	})
	add(c.PgNotify != nil && c.PgNotifyControl == control.FullAccess, opening{
		"brokers.pg_notify.control", `"all"`, "whoever can NOTIFY can cancel and run tasks", "brokers: {pg_notify: {control: read}}", false,
	})
	operators := c.Socket.Path != "" && slices.Contains(c.Rights.Operators, "*")
	add(operators, opening{"control.operators", `"*"`, "whoever can connect to the socket can cancel tasks", "operators: []", false})
	add(c.Rights.CancelWithoutFilter, opening{
		"control.cancel_without_filter", "true", "a cancel that names no task cancels every one", "cancel_without_filter: false", true,
	})
	return found
}

// unsafe is Config.Unsafe.
func unsafe(c *Config) string {
	if c.Original {
		return c.asOriginal()
	}
	var open []string
	for _, o := range c.openings() {
		if o.risky {
			open = append(open, fmt.Sprintf("%s is %s: %s", o.key, o.value, o.who))
		}
	}
	if len(open) == 0 {
		return ""
	}
	return c.File + ": " + strings.Join(open, "; ")
}

// asOriginal says what a file of the original leaves open.
func (c *Config) asOriginal() string {
	open, tighter, rights := []string{itsFormat}, []string{}, []string{}
	for _, o := range c.openings() {
		open = append(open, fmt.Sprintf("%s is %s, as there: %s", o.key, o.value, o.who))
		if strings.HasPrefix(o.key, "control.") {
			rights = append(rights, o.tighter)
		} else {
			tighter = append(tighter, o.tighter)
		}
	}
	if len(open) == 1 {
		return ""
	}
	if len(rights) > 0 {
		tighter = append(tighter, "control: {"+strings.Join(rights, ", ")+"}")
	}
	return fmt.Sprintf("%s: %s; to tighten that, add the section dispatcherd: {%s}, which the original ignores",
		c.File, strings.Join(open, "; "), strings.Join(tighter, ", "))
}
