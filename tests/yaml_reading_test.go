package tests

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	daemonconfig "dispatcherd/daemon/config"
)

// reading is what came of one text: the settings that workers get, or the error.
type reading struct {
	settings any
	err      string
}

// readByOriginal has the original's library read texts of settings files.
func readByOriginal(t *testing.T, texts []string) []reading {
	t.Helper()
	const code = `
import json, os, sys, tempfile
from dispatcherd.config import settings_from_file
for text in json.load(sys.stdin):
    with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8", newline="") as f:
        f.write(text)
        f.flush()
        try:
            print(json.dumps({"settings": json.dumps(settings_from_file(f.name).serialize(), allow_nan=False)}))
        except Exception as e:
            print(json.dumps({"err": type(e).__name__}))
`
	input, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), virtual(t), "-c", code)
	cmd.Env = append(os.Environ(), "PYTHONUTF8=1")
	cmd.Stdin = strings.NewReader(string(input))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []reading
	for line := range strings.Lines(string(out)) {
		var r struct{ Settings, Err string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, reading{decoded(t, r.Settings), r.Err})
	}
	if len(all) != len(texts) {
		t.Fatalf("the original read %d texts of %d", len(all), len(texts))
	}
	return all
}

// readByUs reads a text as the daemon does.
func readByUs(t *testing.T, text string) reading {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.yml")
	write(t, path, text, 0o600)
	c, err := daemonconfig.Load(path)
	if err != nil {
		return reading{err: err.Error()}
	}
	return reading{settings: decoded(t, string(c.Worker.Settings))}
}

// decoded reads JSON and keeps every digit, and whether a number has a point.
func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	if text == "" {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

func TestFilesAreReadAsTheOriginalReadsThem(t *testing.T) {
	t.Parallel()
	every, err := os.ReadFile("../daemon/config/testdata/every-key.yml")
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{
		string(every),
		"version: 2\n",
		"version: 2.0\nelsewhere: {date: 2026-01-02, big: .inf}\n",
		"%YAML 1.1\n---\nversion: 2\n...\n",
		"\ufeff# a comment\nversion: 2\nbrokers: {}\n",
		"version: 2\r\nworker:\r\n  worker_kwargs:\r\n    a: 1\r\n",
		`{"version": 2, "worker": {"worker_kwargs": {"json": [1, 2.5, null, true, "a\u00e4\n"]}}}`,
		"version: 2\nworker:\n  worker_kwargs:\n    a: |\n      two\n      lines\n    b: >-\n      one\n      line\n    c: 'it''s'\n    d: \"\\x41\\u00e4\\t\"\n    e: plain text # comment\n",
		"version: 2\nx: &a {p: 1, q: [1, 2]}\nworker: {worker_kwargs: {a: *a, b: {<<: *a, p: 2}, c: {<<: [{z: 1, p: 0}, *a]}}}\n",
		"version: 2\nworker: {worker_kwargs: {2: a, yes: b, null: c, 1.5: d}}\n",
		"version: 2\nworker: {worker_kwargs: {a: !!str 5, b: !!int '5', c: !!float 5, d: !!bool 'yes', e: !!null '', f: !!seq [1], g: !!map {}}}\n",
		"version: 2\nworker:\n  worker_kwargs:\n    ? a\n    : b\n    c: [d, {e: f}, g: h]\n",
	}
	for i, theirs := range readByOriginal(t, texts) {
		ours := readByUs(t, texts[i])
		if theirs.err != "" || ours.err != "" {
			t.Errorf("%q: the original says %q, we say %q", texts[i], theirs.err, ours.err)
		}
		if diff := cmp.Diff(theirs.settings, ours.settings); diff != "" {
			t.Errorf("%q is read as something else (-original +ours):\n%s", texts[i], diff)
		}
	}
}

func TestFilesThatTheOriginalRefusesAreRefused(t *testing.T) {
	t.Parallel()
	texts := []string{
		"", "# nothing\n", "hello\n", "- version: 2\n", "version: 3\n", "version: '2'\n", "brokers: {}\n",
		"version: 2\n---\nversion: 2\n",
		"version: 2\nbrokers:\n\tsocket: {}\n",
		"version: 2\nbrokers: {socket: [}\n",
		"version: 2\nbrokers: *nobody\n",
		"version: 2\nworker: !!python/object/apply:os.system [id]\n",
		"version: 2\nworker: {worker_kwargs: {a: 2026-01-02}}\n",
		"version: 2\nservice: {<<: 3}\n",
		"version: 2\nservice: null\n",
		"version: 2\n\x01\n",
		"{'version': 2,\n 'brokers': {}\n 'worker': {}}\n",
	}
	for i, theirs := range readByOriginal(t, texts) {
		if ours := readByUs(t, texts[i]); theirs.err == "" || ours.err == "" {
			t.Errorf("%q: the original says %q, we say %q, want an error of both", texts[i], theirs.err, ours.err)
		}
	}
}

// Words of all kinds, those that look like numbers above all.
func TestWordsAreReadAsTheOriginalReadsThem(t *testing.T) {
	t.Parallel()
	texts := []string{}
	random := rand.New(rand.NewPCG(1, 2))
	for range 600 {
		word := []byte{}
		for range 1 + random.IntN(6) {
			const letters = "0011789+-._:eExXbBo~ntyf"
			word = append(word, letters[random.IntN(len(letters))])
		}
		if !strings.HasSuffix(string(word), ":") { // else it is a key
			texts = append(texts, fmt.Sprintf("version: 2\nworker: {worker_kwargs: {a: %s}}\n", word))
		}
	}
	for _, word := range strings.Fields("y n yes No ON off True false null ~ NULL .5 1. 1.e+3 1_0 0x_1 0b2 08 0o7 190:20:30 190:20:30.15 12e03 685_230.15 -2e+05 2001-01") {
		texts = append(texts, fmt.Sprintf("version: 2\nworker: {worker_kwargs: {a: %s}}\n", word))
	}
	readings := readByOriginal(t, texts)
	read := 0
	for i, theirs := range readings {
		ours := readByUs(t, texts[i])
		if theirs.err == "" {
			read++
		}
		if (theirs.err == "") != (ours.err == "") || !cmp.Equal(theirs.settings, ours.settings) {
			t.Errorf("%q: the original reads %v %s, we read %v %s", texts[i], theirs.settings, theirs.err, ours.settings, ours.err)
		}
	}
	if read < 400 {
		t.Errorf("the original could read only %d of the words", read)
	}
}
