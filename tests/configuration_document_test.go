package tests

import (
	"path/filepath"
	"strings"
	"testing"
)

// A block of TOML is a configuration, whole or in part, that can be used as it is; or the
// block behind it shows what --check has to say of it.
func TestConfigurationsOfTheDocumentsAreWhatTheyShow(t *testing.T) {
	t.Parallel()
	const check = "$ dispatcherd --check\n"
	good, bad := 0, 0
	for _, document := range documents(t) {
		if !strings.Contains(readDocument(t, document), "```toml") {
			continue
		}
		blocks := examplesOf(t, document)
		for i, b := range blocks {
			if b.language != "toml" {
				continue
			}
			dir := t.TempDir()
			write(t, filepath.Join(dir, "dispatcherd.toml"), whole(b.text), 0o600)
			a := runProgram(t, dir, "dispatcherd", "--check")
			if i+1 < len(blocks) && strings.HasPrefix(blocks[i+1].text, check) {
				bad++
				if want := strings.TrimPrefix(blocks[i+1].text, check); a.code != 1 || a.stdout+a.stderr != want {
					t.Errorf("%s:%d: --check ends with %d and says\n%s%s\nthe document has\n%s", document, b.line, a.code, a.stdout, a.stderr, want)
				}
				continue
			}
			good++
			if a.code != 0 {
				t.Errorf("%s:%d cannot be used:\n%s%s", document, b.line, a.stdout, a.stderr)
			}
		}
	}
	if good < 4 || bad < 1 {
		t.Errorf("the documents have %d configurations and %d with problems, want 4 and 1 at least", good, bad)
	}
}

// whole adds what a part of a configuration leaves out, the version and a broker, and takes
// out what is a file of the reader's.
func whole(text string) string {
	text = strings.Replace(text, "verify-full sslrootcert=/etc/pki/db.crt", "require", 1)
	if !strings.Contains(text, "version = ") {
		text = "version = 2\n" + text
	}
	if !strings.Contains(text, "[brokers.") {
		text += "\n[brokers.socket]\npath = 'd.sock'\n"
	}
	return text
}
