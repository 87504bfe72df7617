package config

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
)

// Load reads the file and fills in the defaults. Its error is a Problems with
// everything that is wrong, not only the first.
func Load(path string) (*Config, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yml", ".yaml":
		return nil, Problems{{File: path, Want: "must be TOML, in a file such as dispatcherd.toml", Value: "YAML by its name"}}
	}
	text, problem := read(path)
	if problem != nil {
		problem.File = path
		return nil, Problems{*problem}
	}
	c, problems := parse(path, text)
	if len(problems) > 0 {
		slices.SortStableFunc(problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
		})
		return nil, problems
	}
	return c, nil
}

// parse returns a configuration, or problems; with a text that is no TOML at
// all, both the tree and what could be said of its values are missing.
func parse(path string, text []byte) (*Config, Problems) {
	tree, at, problems := parseTOML(path, text)
	if tree == nil {
		return nil, problems
	}
	doc := newDocument()
	problems = append(problems, decode(path, at, tree, doc)...)
	c := doc.config(at)
	c.File = path
	problems = problems.addInvalid(path, at, doc.check(at))
	problems = problems.addInvalid(path, at, c.Validate())
	return &c, problems
}
