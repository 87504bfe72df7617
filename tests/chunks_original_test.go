package tests

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"dispatcherd/daemon/message"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// chunker is a Python that splits and joins with the original's own functions,
// see project/chunking.py.
type chunker struct {
	in  io.Writer
	out *bufio.Reader
}

func startChunker(t *testing.T) *chunker {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), virtual(t), "project/chunking.py")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait() // what it has said before is what counts
		if stderr.Len() > 0 {
			t.Errorf("the original's chunking says: %s", &stderr)
		}
	})
	return &chunker{in, bufio.NewReader(out)}
}

// ask sends a request and decodes the answer.
func (c *chunker) ask(t *rapid.T, request, answer any) {
	line, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(c.in, "%s\n", line); err != nil {
		t.Fatal(err)
	}
	if line, err = c.out.ReadBytes('\n'); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(line, answer); err != nil {
		t.Fatalf("%v in %q", err, line)
	}
}

func (c *chunker) split(t *rapid.T, text string, limit int) (chunks []string) {
	c.ask(t, map[string]any{"split": text, "limit": limit}, &chunks)
	return chunks
}

// joined is what an accumulator, or an assembler, made of a sequence of texts.
type joined struct {
	Steps    [][2]string      // verdict, and the whole as JSON
	Status   map[string]int   // counters
	Partials map[string][]any // index and length of each chunk
	Totals   map[string]int
}

func (c *chunker) join(t *rapid.T, texts []string) (j joined) {
	c.ask(t, map[string]any{"join": texts}, &j)
	return j
}

// assemble is what ours makes of the texts.
func assemble(texts []string) joined {
	a := message.NewAssembler(time.Hour, time.Now)
	j := joined{Partials: map[string][]any{}, Totals: map[string]int{}}
	for _, text := range texts {
		before := a.Stats()
		whole, done, err := a.Add([]byte(text))
		step := [2]string{"waits"}
		switch after := a.Stats(); {
		case done && after.Received == before.Received:
			step[0] = "no chunk"
		case done:
			step = [2]string{"whole", string(whole)}
		case after.Repeated > before.Repeated:
			step[0] = "repeated"
		case err != nil:
			step[0] = "refused"
		}
		j.Steps = append(j.Steps, step)
	}
	s := a.Stats()
	j.Status = map[string]int{
		"total_chunks_received": s.Received, "successful_assemblies": s.Successful + s.Repeated, "errored_assemblies": s.Errored,
		"timed_out_assemblies": s.TimedOut, "active_messages": s.Active,
	}
	for _, p := range a.Partials() {
		j.Totals[p.MessageID] = p.Total
		for _, part := range p.Chunks {
			j.Partials[p.MessageID] = append(j.Partials[p.MessageID], []any{float64(part.Index), float64(part.Length)})
		}
	}
	return j
}

// characters are of every length in UTF-8 and in an envelope.
var characters = rapid.OneOf(
	rapid.SampledFrom([]rune("az ~/\"\\\n\r\t\b\f\x00\x1f\x7f\u0080éж中\u2028\u2029\ufeff\ufffe\uffff\U00010000😀\U0010ffff")),
	rapid.Rune(),
)

// texts are strings of up to 3000 characters, and often long.
var texts = rapid.Custom(func(t *rapid.T) string {
	piece := string(rapid.SliceOfN(characters, 1, 40).Draw(t, "piece"))
	return strings.Repeat(piece, rapid.IntRange(1, 75).Draw(t, "times"))
})

// objects are JSON texts of messages, written as Python writes them or with every character as it is.
var objects = rapid.Custom(func(t *rapid.T) string {
	value := map[string]any{"task": "a.b", "args": []any{texts.Draw(t, "value")}}
	if rapid.Bool().Draw(t, "escaped") {
		return string(message.Encode(value))
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(text.String(), "\n")
})

var limits = rapid.OneOf(rapid.IntRange(100, 400), rapid.SampledFrom([]int{1024, 7999, 8000}))

func TestOriginalSplitsAsWeDo(t *testing.T) {
	t.Parallel()
	c := startChunker(t)
	rapid.Check(t, func(t *rapid.T) {
		text, limit := texts.Draw(t, "text"), limits.Draw(t, "limit")
		theirs := c.split(t, text, limit)
		ours, err := message.Split([]byte(text), limit)
		if (err != nil) != (theirs == nil) {
			t.Fatalf("Split = %d chunks, %v, where the original makes %d", len(ours), err, len(theirs))
		}
		if len(ours) != len(theirs) {
			t.Fatalf("%d chunks, the original's are %d", len(ours), len(theirs))
		}
		for i := range ours {
			if len(ours) == 1 && string(ours[i]) == theirs[i] {
				continue
			}
			const from, to = len(`{"__dispatcherd_chunk__":"v1","message_id":"`), len(`{"__dispatcherd_chunk__":"v1","message_id":"`) + 32
			if string(ours[i][:from]) != theirs[i][:from] || string(ours[i][to:]) != theirs[i][to:] {
				t.Fatalf("chunk %d is %s, the original's is %s", i, ours[i], theirs[i])
			}
		}
	})
}

func TestOriginalJoinsWhatWeSplitAndWeWhatItSplits(t *testing.T) {
	t.Parallel()
	c := startChunker(t)
	rapid.Check(t, func(t *rapid.T) {
		text, limit := objects.Draw(t, "text"), rapid.IntRange(130, 1024).Draw(t, "limit")
		ours, err := message.Split([]byte(text), limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, chunks := range [][]string{asStrings(ours), c.split(t, text, limit)} {
			order := rapid.Permutation(chunks).Draw(t, "order")
			for name, j := range map[string]joined{"the original": c.join(t, order), "ours": assemble(order)} {
				last := j.Steps[len(j.Steps)-1]
				wantVerdict := "whole"
				if len(chunks) == 1 {
					wantVerdict = "no chunk"
				}
				if last[0] != wantVerdict || wantVerdict == "whole" && pythons(t, last[1]) != pythons(t, text) {
					t.Fatalf("%s: %s %s, want the text", name, last[0], last[1])
				}
			}
		}
	})
}

// values are for the keys of an envelope, right ones and others.
var (
	markers  = rapid.SampledFrom([]string{`"v1"`, `"v1"`, `"v1"`, `"v1"`, `"v1"`, `"v1"`, `"v2"`, `null`, `1`, `[]`, `"V1"`})
	ids      = rapid.SampledFrom([]string{`"m"`, `"m"`, `"m"`, `"n"`, `"n"`, `""`, `null`, `7`, `["m"]`, `"\u006d"`})
	indexes  = rapid.SampledFrom([]string{`0`, `0`, `1`, `1`, `1`, `2`, `-1`, `7`, `true`, `false`, `1.0`, `null`, `"1"`, `NaN`, `-0`})
	totals   = rapid.SampledFrom([]string{`2`, `2`, `2`, `2`, `3`, `1`, `0`, `-2`, `true`, `2.0`, `null`, `9223372036854775807`})
	payloads = rapid.SampledFrom([]string{`"{\"a\": "`, `"{\"a\": "`, `"1}"`, `"1}"`, `"{}"`, `""`, `"["`, `null`, `{}`, `"\ud83d"`, `"\"é😀\"}"`})
)

// envelopes are texts that go to an accumulator; now and then a key is missing.
var envelopes = rapid.Custom(func(t *rapid.T) string {
	var members []string
	for _, m := range []struct {
		key    string
		values *rapid.Generator[string]
	}{{"__dispatcherd_chunk__", markers}, {"message_id", ids}, {"index", indexes}, {"total", totals}, {"payload", payloads}} {
		value := m.values.Draw(t, m.key)
		if rapid.IntRange(0, 30).Draw(t, "missing") > 0 {
			members = append(members, fmt.Sprintf(`"%s": %s`, m.key, value))
		}
	}
	return "{" + strings.Join(rapid.Permutation(members).Draw(t, "order"), ", ") + "}"
})

// TestOriginalJudgesEnvelopesAsWeDo has one exception: a message that comes whole
// a second time, text and id, is no new one for us.
func TestOriginalJudgesEnvelopesAsWeDo(t *testing.T) {
	t.Parallel()
	c := startChunker(t)
	rapid.Check(t, func(t *rapid.T) {
		sequence := rapid.SliceOfN(envelopes, 1, 40).Draw(t, "sequence")
		theirs, ours := c.join(t, sequence), assemble(sequence)
		for i, step := range ours.Steps {
			if step[0] == "repeated" && theirs.Steps[i][0] == "whole" && came(theirs.Steps[:i], theirs.Steps[i]) {
				ours.Steps[i] = theirs.Steps[i]
			} else if step[0] == "whole" {
				ours.Steps[i][1] = pythons(t, step[1])
			}
		}
		if diff := cmp.Diff(theirs, ours); diff != "" {
			t.Fatalf("(-original +ours)\n%s", diff)
		}
	})
}

// came tells whether a whole message is among the steps before.
func came(before [][2]string, step [2]string) bool { return slices.Contains(before, step) }

// pythons writes JSON as Python does.
func pythons(t *rapid.T, text string) string {
	value, err := message.Decode([]byte(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return string(message.Encode(value))
}

func asStrings(chunks [][]byte) (all []string) {
	for _, c := range chunks {
		all = append(all, string(c))
	}
	return all
}
