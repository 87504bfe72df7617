package tests

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/control"
)

// exchange is a request in docs/control.md and the reply that it says there is.
type exchange struct{ request, reply string }

// exchanges finds them: a block that begins with the request, after an arrow.
func exchanges(t *testing.T) (all []exchange) {
	t.Helper()
	block := regexp.MustCompile("(?s)```\n→ (.*?)\n← (.*?)\n```")
	for _, m := range block.FindAllStringSubmatch(readDocument(t, "docs/control.md"), -1) {
		all = append(all, exchange{m[1], m[2]})
	}
	return all
}

// resembles compares a reply with one in the document. Numbers that differ from run to
// run and stacks are compared by their kind only; "…" in an object stands for more keys.
func resembles(shown, got any) (same bool) {
	switch s := shown.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		_, more := s["…"]
		if !ok || !more && len(s) != len(g) {
			return false
		}
		for key, value := range s {
			if actual, there := g[key]; key != "…" && !(there && resembles(value, actual)) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(s) != len(g) {
			return false
		}
		for i := range s {
			if !resembles(s[i], g[i]) {
				return false
			}
		}
		return true
	case float64:
		_, ok := got.(float64)
		return ok
	case string:
		g, ok := got.(string)
		if strings.HasPrefix(s, "Stack for ") {
			return ok && strings.HasPrefix(g, "Stack for ")
		}
		return s == g || s == "smaps_rollup" && g == "cgroup" // it depends on the machine
	default:
		return shown == got
	}
}

func TestExamplesOfTheControlDocumentAreTrue(t *testing.T) {
	t.Parallel()
	toml := config(t, "", "max_workers = 1\nshutdown_grace = \"0s\"")
	d := start(t, strings.Replace(toml, `node_id = "test"`, `node_id = "web-1"`, 1))
	d.hold("job-1")
	c := d.connect()
	c.send(
		`{"task": "app.tasks.mark", "uuid": "job-2", "args": ["out.log"], "on_duplicate": "serial"}`,
		`{"task": "app.tasks.mark", "uuid": "job-3", "args": ["out.log"], "on_duplicate": "serial"}`,
		`{"task": "app.tasks.nothing", "uuid": "job-4", "delay": 600}`,
		`{"__dispatcherd_chunk__":"v1","message_id":"4a3dbc49d0904b5c85880d5dec63ee13","index":0,"total":2,"payload":"{\"task\": \"app."}`,
	)
	all := exchanges(t)
	seen := map[string]bool{}
	for _, e := range all {
		var request struct{ Control string }
		if err := json.Unmarshal([]byte(e.request), &request); err != nil {
			t.Fatalf("the request %s: %v", e.request, err)
		}
		seen[request.Control] = true
		c.send(strings.ReplaceAll(e.request, "\n", " "))
		text := c.reply()
		var shown, got any
		decode(t, e.reply, &shown)
		decode(t, text, &got)
		if !resembles(shown, got) {
			t.Errorf("%s\nis answered\n%s\nin the document\n%s\n%s", e.request, text, e.reply, cmp.Diff(shown, got))
		}
	}
	for _, s := range control.Specs {
		if !seen[s.Name] {
			t.Errorf("the document has no example of %s", s.Name)
		}
	}
	if len(all) < len(control.Specs) {
		t.Errorf("only %d examples were found", len(all))
	}
}

// The request at the top is one, and so is what a program makes of it.
func TestRequestsOfTheControlDocumentAreAnswered(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, withOriginal(t), ""))
	const document = "docs/control.md"
	c := d.connect()
	for _, request := range codeBlocks(t, document, "json") {
		c.send(strings.TrimSpace(request))
		c.expect(`{"node_id": "test"}`)
	}
	o := original{t, "socket", map[string]any{"socket": map[string]any{"socket_path": d.socket}}}
	for _, program := range codeBlocks(t, document, "python") {
		asking := strings.Replace(strings.TrimSpace(program), "control.control_with_reply(", "answer(control.control_with_reply(", 1) + ")"
		if got := encode(t, o.ask(t, asking)); got != `[{"node_id":"test"}]` {
			t.Errorf("the program of %s gets %s", document, got)
		}
	}
}

// The table of docs/control.md says who may ask for what over Postgres.
func TestControlDocumentSaysWhatReadPermits(t *testing.T) {
	t.Parallel()
	document := readDocument(t, "docs/control.md")
	for _, s := range control.Specs {
		permitted := "yes"
		if s.Acts {
			permitted = "no"
		}
		row := regexp.MustCompile(fmt.Sprintf("(?m)^\\| \\[`%s`\\]\\(#%s\\) \\|.*\\| %s \\|$", s.Name, s.Name, permitted))
		if !row.MatchString(document) {
			t.Errorf("docs/control.md has no row for %s that says %q", s.Name, permitted)
		}
	}
}
