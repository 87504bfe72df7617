package process

import (
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The example of docs/design.md is what goes over the socket.
func TestFramesOfTheDocumentAreReal(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`(?m)^((?:[0-9a-f]{2} ?){16})(.*)$`).FindAllStringSubmatch(string(text), -1)
	want := []frame{{taskFrame, 7, []byte(`{"task": "shop.tasks.greet", "uuid": "u-1"}`)}, {cancelFrame, 7, nil}}
	if len(shown) != len(want) {
		t.Fatalf("docs/design.md shows %d frames, want %d", len(shown), len(want))
	}
	for i, f := range want {
		header, err := hex.DecodeString(strings.ReplaceAll(shown[i][1], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(header)+shown[i][2], string(appendFrame(nil, f)); got != want {
			t.Errorf("docs/design.md shows the frame %q, which is %q", got, want)
		}
	}
}
