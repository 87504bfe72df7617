package commands

import (
	"bytes"
	"fmt"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"

	"dispatcherd/control"
)

// goroutine is one goroutine, or several whose labels and stacks are the same.
type goroutine struct {
	count  int
	label  string  // "" for one that nobody has named
	frames []frame // the innermost first
}

// frame is one call.
type frame struct {
	function string // with its package
	place    string // file and line
}

// goroutines lists those that there are. It stops the program for a moment.
func goroutines() ([]goroutine, error) {
	var text bytes.Buffer
	// The form of level 1 is for people, and a test says if it changes; that of level 0
	// would need a decoder, and level 2 has no labels before Go 1.26.
	if err := pprof.Lookup("goroutine").WriteTo(&text, 1); err != nil {
		return nil, fmt.Errorf("list the goroutines: %w", err)
	}
	return parseGoroutines(text.String()), nil
}

// parseGoroutines reads a goroutine profile: "COUNT @ ADDRESS...", "# labels: {...}" and
// then lines "#", address, function, place with tabs between; a blank line ends each.
func parseGoroutines(profile string) (all []goroutine) {
	for block := range strings.SplitSeq(profile, "\n\n") {
		var g goroutine
		for line := range strings.SplitSeq(block, "\n") {
			fields := strings.FieldsFunc(line, func(r rune) bool { return r == '\t' })
			switch {
			case strings.HasPrefix(line, "# labels: "):
				g.label = labelIn(line)
			case len(fields) == 4 && fields[0] == "#":
				function, _, _ := strings.Cut(fields[2], "+0x")
				g.frames = append(g.frames, frame{function, filepath.Base(fields[3])})
			case strings.Contains(line, " @ "):
				count, _, _ := strings.Cut(line, " ")
				g.count, _ = strconv.Atoi(count) // 0 is shown as one
			}
		}
		if len(g.frames) > 0 {
			all = append(all, g)
		}
	}
	return all
}

// labelIn finds our label among those of a line.
func labelIn(line string) string {
	_, rest, _ := strings.Cut(line, strconv.Quote(control.TaskLabel)+":")
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return ""
	}
	label, _ := strconv.Unquote(quoted) // QuotedPrefix has checked it
	return label
}

// name is the label, and for a goroutine that has only inherited it, or has none, also
// the function that it was started with.
func (g goroutine) name() string {
	if g.label == "" {
		return g.root()
	}
	for _, f := range g.frames {
		if f.function == "runtime/pprof.Do" {
			return g.label
		}
	}
	return g.label + "/" + g.root()
}

// root is the outermost function of ours, or of all if none is.
func (g goroutine) root() string {
	for i := len(g.frames) - 1; i >= 0; i-- {
		if f := g.frames[i].function; strings.HasPrefix(f, "dispatcherd/") || strings.HasPrefix(f, "main.") {
			return strings.TrimPrefix(f, "dispatcherd/")
		}
	}
	return g.frames[len(g.frames)-1].function
}

// stack describes the innermost calls, the last one at the end, as Python does.
func (g goroutine) stack(limit int) string {
	who := g.name()
	if g.count > 1 {
		who = fmt.Sprintf("%d goroutines %s", g.count, who)
	}
	if limit <= 0 {
		return "No stack for " + who + "\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Stack for %s (most recent call last):\n", who)
	for i := min(limit, len(g.frames)) - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "  %s, in %s\n", g.frames[i].place, g.frames[i].function)
	}
	return b.String()
}
