package config

import (
	"path/filepath"
	"regexp"
	"strings"

	"dispatcherd/daemon/config/original"
)

// tomlStatement matches the beginning of a TOML text, behind comments: a header, or a key
// with its =.
var tomlStatement = regexp.MustCompile(`\A(?:\s*(?:#[^\n]*)?\n)*\s*(?:\[|[A-Za-z0-9_."' -]+=)`)

// isYAML tells the two formats apart: by the file's name, and where that says nothing, as
// /proc/self/fd/3 does, by how the text begins.
func isYAML(path string, text []byte) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".toml":
		return false
	case ".yml", ".yaml", ".json":
		return true
	}
	return len(text) > 0 && !tomlStatement.Match(text)
}

// maxProblems bounds how many are named: a text that is something else altogether may
// have one in each line.
const maxProblems = 100

// parseYAML reads a file of the Python original: it is put into our own terms, and then
// is subject to the same decoder and the same checks as a TOML file.
func parseYAML(file string, text []byte) (*Config, *original.Translation, Problems) {
	t := original.Translate(text)
	problems := make(Problems, 0, len(t.Problems))
	for _, r := range t.Problems {
		problems = append(problems, Problem{File: file, Line: r.Line, Key: r.Key, Want: r.Text, Value: r.Got})
	}
	if t.Unreadable() {
		if tomlStatement.Match(text) {
			problems[0].Want += "; this looks like TOML, whose place is a file named *.toml"
		}
		return nil, t, problems.atMost(maxProblems)
	}
	at := outline{lines: map[string]int{}}
	for key, place := range t.Places {
		at.lines[key] = place.Line
	}
	doc := newDocument()
	found := decode(file, at, t.Tree, doc)
	c := doc.config(at)
	c.File, c.Original, c.RefuseRun, c.ControlBroker = file, true, t.RefuseRun, t.ControlBroker()
	if t.Places["node_id"].Line == 0 {
		c.NodeID, c.RandomNodeID = newNodeID(), true
	}
	found = found.addInvalid(file, at, doc.check(at))
	found = found.addInvalid(file, at, c.Validate())
	c.Worker.Settings = t.Settings(c.Worker.Credentials, c.credential())
	found = found.addInvalid(file, at, c.checkSpec())
	c.Unsafe = unsafe(&c)
	c.Notes = notes(file, t, &c)
	return &c, t, problems.addTranslated(found, t.Places).atMost(maxProblems)
}

// addTranslated adds problems with keys of ours under the names that the original's file
// has for them, less those that were named before.
func (p Problems) addTranslated(found Problems, places map[string]original.Place) Problems {
	known := p.keys()
	for _, problem := range found {
		for key := problem.Key; key != ""; key = original.Parent(key) {
			if place, ok := places[key]; ok && place.Key != "" {
				problem.Key = place.Key + strings.TrimPrefix(problem.Key, key)
				break
			}
		}
		if !known(problem.Key) {
			p = append(p, problem)
		}
	}
	return p
}
