package consumers

import (
	"os"
	"strings"
	"testing"
)

// What the document shows of each configuration is what wantCheck compares with the program's output.
func TestDocumentShowsWhatTheDaemonSays(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/consumers.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []product{awx, eda, gateway, metricsService} {
		file := p.file
		if file == "" {
			file = "dispatcher.yml"
		}
		for _, role := range p.roles {
			want := "```console\n$ dispatcherd --config " + file + " --check\n" + golden(t, p, role+".notes") + "```\n"
			if strings.Count(string(text), want) == 0 {
				t.Errorf("docs/consumers.md does not show of %s, %s:\n%s", p.name, role, want)
			}
		}
	}
	if n := strings.Count(string(text), "```console\n"); n != 5 {
		t.Errorf("docs/consumers.md has %d examples, want one of each of the five services", n)
	}
}
