package tests

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// messageExamples are the JSON blocks of docs/messages.md: those that have all of the keys.
func messageExamples(t *testing.T, keys ...string) (texts []string) {
	t.Helper()
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(readDocument(t, "docs/messages.md"), -1) {
		first := block[1]
		has := func(key string) bool { return strings.Contains(first, `"`+key+`"`) }
		if !slices.ContainsFunc(keys, func(k string) bool { return !has(k) }) {
			texts = append(texts, first)
		}
	}
	if len(texts) == 0 {
		t.Fatalf("docs/messages.md has no example with %q", keys)
	}
	return texts
}

// oneLine makes one line of an example that has several.
func oneLine(text string) string { return strings.ReplaceAll(strings.TrimSpace(text), "\n", "") }

func TestTaskOfTheDocumentIsShownAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	c := d.connect()
	var want map[string]any
	decode(t, oneLine(messageExamples(t, "delayed-0")[0]), &want)
	for _, text := range messageExamples(t, "time_pub") {
		if !strings.Contains(text, "delayed-0") {
			c.send(oneLine(text))
		}
	}
	if diff := cmp.Diff(want, c.replyTo(`{"control": "running", "reply_to": "me"}`)); diff != "" {
		t.Errorf("the example is shown (-document +daemon):\n%s", diff)
	}
}

func TestPayloadsOfTheDocumentAreWhatItSays(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "", withMetrics))
	c := d.connect()
	rows := regexp.MustCompile("(?m)^\\| `([^`]*)` \\| (a task|dropped|a control request)(.*) \\|$").
		FindAllStringSubmatch(readDocument(t, "docs/messages.md"), -1)
	if len(rows) < 12 {
		t.Fatalf("docs/messages.md has %d rows of payloads, want 12", len(rows))
	}
	for _, row := range rows {
		before := d.metrics()
		c.send(row[1])
		c.alive()
		after := d.metrics()
		more := func(name string) float64 { return after[name] - before[name] }
		got := map[string]bool{
			"a task":            more("dispatcherd_tasks_accepted_total") == 1,
			"dropped":           more(metricRejected) == 1,
			"a control request": more(metricControls) == 2, // beside alive
		}
		if !got[row[2]] {
			t.Errorf("%s was not taken for what the document says, %s", row[1], row[2])
		}
		if strings.Contains(row[3], "fails") {
			d.waitMetric(metricFailed, before[metricFailed]+1)
		}
	}
}

func TestEndOfTheDocumentHasTheShapeOfARealOne(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	c := d.connect()
	c.replyTo(`{"control": "run", "reply_to": "me", "wait": true, "control_data": {"task": "app.tasks.add", "args": [2, 3], "uuid": "u-1"}}`)
	var got, want map[string]any
	decode(t, c.reply(), &got)
	decode(t, oneLine(messageExamples(t, "ended")[0]), &want)
	ran, _ := got["ended"].(map[string]any)
	told, _ := want["ended"].(map[string]any)
	if took, ok := ran["run_time_seconds"].(float64); !ok || took <= 0 {
		t.Errorf("run_time_seconds is %v, want some", ran["run_time_seconds"])
	}
	for key, figure := range ran { // they differ each time, but are there
		_, isFigure := figure.(float64)
		if _, shown := told[key].(float64); shown && isFigure && key != "result" && key != "worker" {
			ran[key] = told[key]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the end is told (-document +daemon):\n%s", diff)
	}
}

func TestChunksOfTheDocumentAreATask(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	c := d.connect()
	c.send(strings.TrimSpace(messageExamples(t, "__dispatcherd_chunk__")[0]))
	d.waitLog("outcome=succeeded")
}

func TestControlRequestsOfTheDocumentAreAnswered(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	c := d.connect()
	for _, text := range messageExamples(t, "control", "reply_to") {
		if reply := c.replyTo(oneLine(text)); reply["error"] != nil || reply["node_id"] != "test" {
			t.Errorf("%s is answered with %v", text, reply)
		}
	}
}
