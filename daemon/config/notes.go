package config

import (
	"fmt"

	"dispatcherd/daemon/config/original"
)

// maxNotes bounds how many are kept; a file with more is not what it should be.
const maxNotes = 100

// notes returns what is to be known about a file of the original, a line each.
func notes(file string, t *original.Translation, c *Config) []string {
	var lines []string
	if c.Unsafe == "" {
		lines = append(lines, fmt.Sprintf("%s: %s", file, itsFormat))
	}
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
