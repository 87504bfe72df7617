package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"dispatcherd/daemon/config/original"
)

// Problem is one thing that is wrong with a configuration file.
type Problem struct {
	File string
	// Line counts from 1; 0 where the problem is not on a line.
	Line int
	// Key is the full TOML key, such as pool.max_workers or schedule[0].every;
	// empty where the problem is the file's.
	Key string
	// Value is what was found, as it is to be shown. It is empty where there is
	// none and where it could be a secret.
	Value string
	// Want says what would be right: "must be at least 1".
	Want string
}

// String returns the problem as one line.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Key != "" {
		b.WriteString(": " + p.Key)
	}
	b.WriteString(": " + p.Want)
	if p.Value != "" {
		b.WriteString(", got " + p.Value)
	}
	return b.String()
}

// Problems is the error of a file with at least one problem, in the order of
// the file.
type Problems []Problem

// Error returns one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// sorted puts the problems into the order of the file.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
	})
	return p
}

// keys returns a function that says whether there is a problem with a key,
// with a part of it or with what it is a part of.
func (p Problems) keys() func(key string) bool {
	exact, around := map[string]bool{}, map[string]bool{}
	for _, problem := range p {
		exact[problem.Key] = true
		for key := problem.Key; key != ""; key = original.Parent(key) {
			around[key] = true
		}
	}
	return func(key string) bool {
		if around[key] {
			return true
		}
		for key = original.Parent(key); key != ""; key = original.Parent(key) {
			if exact[key] {
				return true
			}
		}
		return false
	}
}

// addInvalid adds what a Validate method returned: joined errors, each
// "key: must be this, got that". What was found wrong with a key before is
// enough: its value is not the one that was checked now.
func (p Problems) addInvalid(file string, at outline, err error) Problems {
	known := p.keys()
	for _, line := range flatten(err) {
		key, text, found := strings.Cut(line, ": ")
		if !found {
			key, text = "", line
		}
		if known(key) {
			continue
		}
		problem := Problem{File: file, Line: at.nearest(key), Key: key, Want: text}
		if i := strings.LastIndex(text, ", got "); i >= 0 {
			problem.Want, problem.Value = text[:i], text[i+len(", got "):]
		}
		p = append(p, problem)
	}
	return p
}

// atMost leaves out what is more than most, and says so.
func (p Problems) atMost(most int) Problems {
	if len(p) <= most {
		return p
	}
	last := Problem{File: p[0].File, Line: p[most].Line, Want: fmt.Sprintf("and %d problems more", len(p)-most)}
	return append(p[:most:most], last)
}

// flatten returns the texts of an error that was made by errors.Join, however
// often.
func flatten(err error) []string {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []string{err.Error()}
	}
	var lines []string
	for _, e := range joined.Unwrap() {
		lines = append(lines, flatten(e)...)
	}
	return lines
}
