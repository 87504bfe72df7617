package storm

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// docs/reliability.md names every act, with how often it is done, and every way to die.
func TestDocumentNamesEverythingThatIsDone(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range doses {
		named := false
		for line := range strings.Lines(string(text)) {
			named = named || strings.HasPrefix(line, "| "+d.what) && strings.HasSuffix(line, fmt.Sprintf(" | %d |\n", d.times))
		}
		if !named {
			t.Errorf("the document does not say that this is done %d times: %s", d.times, d.what)
		}
	}
	for name := range deaths {
		if !strings.Contains(string(text), "| "+name+" |") {
			t.Errorf("the document does not name %q", name)
		}
	}
}
