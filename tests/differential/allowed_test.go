package differential

import "regexp"

// allowance is a difference that is meant: a row of docs/compatibility.md, and what it looks like here.
type allowance struct {
	row  string // the fact, as the row has it
	fits func(difference) bool
}

// by is a difference that comes of a step that the generator has marked for it.
func by(name, paths string) func(difference) bool {
	pattern := regexp.MustCompile(`^(?:` + paths + `)$`)
	return func(d difference) bool { return d.step.By == name && pattern.MatchString(d.path) }
}

// onlyOurs is something that the original does not have at all.
func onlyOurs(paths string) func(difference) bool {
	pattern := regexp.MustCompile(`^(?:` + paths + `)$`)
	return func(d difference) bool { return d.theirs == absent && pattern.MatchString(d.path) }
}

var allowances = map[string]allowance{
	"broken JSON": {
		"broken JSON becomes a task whose name is all of its text, arguments included",
		by("broken JSON", `count\.(received|finished_count)|events\..*`),
	},
	"blank": {"a blank line on the socket is such a task", by("blank", `count\.(received|finished_count)|events\..*|produced.socket-producer`)},
	"args object": {
		"`args` that are an object give its keys as arguments",
		by("args object", `events\..*`),
	},
	"repeat": {"all chunks of a message a second time are a second message", by("repeat", `count\.(received|finished_count|active_task_ct|running_ct)|events\..*|chunks.status.(successful_assemblies)`)},
}

// allowanceFor is the name of the allowance that a difference fits, "" for none.
func allowanceFor(d difference) string {
	for name, a := range allowances {
		if a.fits(d) {
			return name
		}
	}
	return ""
}
