package differential

import (
	"slices"
	"strings"
)

// step is one thing that a script does. It says nothing about the state in which it finds the
// service, so that a script without some of its steps is a script as well: a step that finds nothing
// to act upon does nothing, and so it does on both sides.
type step struct {
	Kind    string   // a row of README.md
	Via     string   `json:",omitempty"` // a connection to the socket, or a channel of Postgres
	Texts   []string `json:",omitempty"` // what is sent, one line or notification each
	Replies int      `json:",omitempty"` // that are owed
	Where   string   `json:",omitempty"` // whom it is about: worker, queued, blocked, delayed
	Pick    int      `json:",omitempty"` // which of them, modulo how many there are
	Filter  string   `json:",omitempty"` // how it is said who is meant
	By      string   `json:",omitempty"` // the allowance for what is known to differ then
	Order   string   `json:",omitempty"` // what an actor is told
	Signal  int      `json:",omitempty"`
}

// overPostgres says whether a way leads over Postgres.
func overPostgres(via string) bool { return !strings.HasPrefix(via, "socket") }

// deadly says whether what an actor is told ends its worker, in the original at least.
func (s step) deadly() bool {
	for _, word := range []string{`"die"`, `"leave"`, "SystemExit", "KeyboardInterrupt", "upset"} {
		if strings.Contains(s.Order, word) {
			return true
		}
	}
	return false
}

// producerOf is the name of what brings in the messages that come that way.
func producerOf(via string) string {
	if overPostgres(via) {
		return "pg_notify-producer"
	}
	return "socket-producer"
}

// script is what both services are given.
type script struct {
	Config configuration
	Steps  []step
}

// all is every step, the start and the stop included.
func (s script) all() []step {
	stop := step{Kind: "stop"}
	if s.Config.Connected {
		stop.By = "connected"
	}
	return slices.Concat([]step{{Kind: "start"}}, s.Steps, []step{stop})
}

func (s script) String() string {
	var b strings.Builder
	b.WriteString("configuration " + jsonText(s.Config) + "\n")
	for _, one := range s.Steps {
		b.WriteString(jsonText(one) + "\n")
	}
	return b.String()
}
