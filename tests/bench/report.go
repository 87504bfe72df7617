package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"dispatcherd/tests/tables"
)

// write replaces the tables of the document, and the plot beside it.
func (r *results) write(path string) error {
	if err := tables.Write(path, "make bench", r.tables()); err != nil {
		return err
	}
	return os.WriteFile(strings.TrimSuffix(path, filepath.Ext(path))+".svg", r.plot(), 0o644)
}

func (r *results) tables() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s, in turns", machine())
	if r.quick {
		text.WriteString(", one quick round of smaller numbers")
	}
	if r.rounds > 1 {
		fmt.Fprintf(&text, ", medians of %d rounds with the lowest and the highest in brackets", r.rounds)
	}
	text.WriteString(".\n\n| | goal | measured | |\n|---|---|---|---|\n")
	for _, g := range goals {
		if measured, reached, ok := g.judge(r); ok {
			fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", g.about, g.want, measured, verdict(reached))
		}
	}
	text.WriteString("\n| figure | bare parts | original | ours |\n|---|---|---|---|\n")
	for _, name := range r.names {
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", name, r.cell(bare, name), r.cell(original, name), r.cell(ours, name))
	}
	return text.String()
}

// machine says what the figures were measured on.
func machine() string {
	parts := []string{fmt.Sprintf("%d CPUs (%s)", runtime.NumCPU(), processor()), "Linux " + firstLine("/proc/sys/kernel/osrelease"), runtime.Version()}
	for _, version := range [][]string{
		{filepath.Join(os.Getenv("DISPATCHERD_TEST_VENV"), "bin", "python"), "--version"},
		{"psql", "--version"},
		{filepath.Join(os.Getenv("DISPATCHERD_TEST_VENV"), "bin", "python"), "-c",
			"import importlib.metadata as m; print('the original', m.version('dispatcherd'))"},
	} {
		out, err := exec.Command(version[0], version[1:]...).Output()
		if err != nil {
			continue // the figures do not depend on its name
		}
		parts = append(parts, strings.TrimSpace(string(out)))
	}
	return strings.Join(parts, ", ")
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func firstLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "of unknown version"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}
