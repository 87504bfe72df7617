package message

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// corpus is what the Python original made of texts and envelopes, see testdata/chunks.py.
type corpus struct {
	Version string
	Texts   map[string]string
	Every   int // lengths that share a digest
	Series  []struct {
		Text    string
		Limit   int
		Counts  []int // by length, from 1: the number of chunks, 0 for a limit that is refused
		Digests []string
	}
	Envelopes []struct {
		Name  string
		Steps []struct {
			Text, Verdict string
			Whole         string // JSON; "" unless the verdict is "whole"
		}
		Status   map[string]int
		Partials map[string]struct {
			ExpectedTotal json.Number `json:"expected_total"`
			Chunks        []struct {
				ChunkID json.Number `json:"chunk_id"`
				Length  int
			}
		}
	}
}

var readCorpus = sync.OnceValues(func() (c corpus, err error) {
	file, err := os.Open("testdata/chunks.json.gz")
	if err != nil {
		return c, err
	}
	defer file.Close()
	text, err := gzip.NewReader(file)
	if err != nil {
		return c, err
	}
	return c, json.NewDecoder(text).Decode(&c)
})

func openCorpus(t *testing.T) corpus {
	t.Helper()
	c, err := readCorpus()
	if err != nil {
		t.Fatal(err)
	}
	if c.Version != "2026.5.27" || len(c.Series) != 16 || len(c.Envelopes) < 50 {
		t.Fatalf("the corpus is of version %s, with %d series and %d envelopes", c.Version, len(c.Series), len(c.Envelopes))
	}
	return c
}

// digestOf adds the chunks of a text to a digest, with zeros for the random id, and returns how many there are, 0 for a
// limit that is refused.
func digestOf(text string, limit int, digest io.Writer) (chunks int) {
	all, err := Split([]byte(text), limit)
	if err != nil {
		return 0
	}
	const before = len(`{"__dispatcherd_chunk__":"v1","message_id":"`)
	for _, c := range all {
		if len(all) > 1 {
			copy(c[before:], "00000000000000000000000000000000")
		}
		digest.Write(c)
		digest.Write([]byte("\n"))
	}
	return len(all)
}

func TestEveryLengthIsSplitAsTheOriginalSplitsIt(t *testing.T) {
	t.Parallel()
	c := openCorpus(t)
	for _, s := range c.Series {
		t.Run(fmt.Sprintf("%s at %d", s.Text, s.Limit), func(t *testing.T) {
			t.Parallel()
			text, digest := c.Texts[s.Text], sha256.New()
			if len(s.Counts) != 3000 || utf8.RuneCountInString(text) != 3000 {
				t.Fatalf("%d lengths of a text of %d characters", len(s.Counts), utf8.RuneCountInString(text))
			}
			end := 0 // in bytes
			for i, want := range s.Counts {
				_, n := utf8.DecodeRuneInString(text[end:])
				end += n
				if got := digestOf(text[:end], s.Limit, digest); got != want {
					t.Fatalf("%d characters make %d chunks, the original's are %d", i+1, got, want)
				}
				if (i+1)%c.Every > 0 {
					continue
				}
				if got := hex.EncodeToString(digest.Sum(nil)); got != s.Digests[i/c.Every] {
					t.Fatalf("up to %d characters some chunk is not the original's", i+1)
				}
				digest.Reset()
			}
		})
	}
}

// otherVerdicts are those of ours that differ from the original's, and why.
var otherVerdicts = map[string]struct {
	verdicts, why string
}{
	"index beyond 64 bits": {"refused waits whole", "such a chunk can belong to no message, so it is not kept"},
	"total beyond 64 bits": {"refused", "a message of so many chunks can never be complete"},
	"the whole again":      {"waits whole waits repeated", "what came twice is one message"},
}

func TestEnvelopesAreJudgedAsTheOriginalJudgesThem(t *testing.T) {
	t.Parallel()
	known := 0
	for _, e := range openCorpus(t).Envelopes {
		other, differs := otherVerdicts[e.Name]
		if differs {
			known++
		}
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			a := NewAssembler(time.Minute, time.Now)
			var got, want []string
			for _, s := range e.Steps {
				verdict, whole := judge(a, s.Text)
				got, want = append(got, verdict), append(want, s.Verdict)
				if verdict == "whole" && !sameJSON(t, whole, s.Whole) {
					t.Errorf("%s completes %s, the original's is %s", s.Text, whole, s.Whole)
				}
			}
			if differs {
				if strings.Join(want, " ") == other.verdicts {
					t.Errorf("the original judges so as well now: %s", want)
				}
				want = strings.Fields(other.verdicts)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("verdicts (-want +got), %s:\n%s", other.why, diff)
			}
			if differs {
				return
			}
			s := a.Stats()
			counters := map[string]int{
				"total_chunks_received": s.Received, "successful_assemblies": s.Successful, "errored_assemblies": s.Errored,
				"timed_out_assemblies": s.TimedOut, "active_messages": s.Active,
			}
			if diff := cmp.Diff(e.Status, counters); diff != "" {
				t.Errorf("counters (-original +ours):\n%s", diff)
			}
			if len(a.Partials()) != len(e.Partials) {
				t.Errorf("%d partial messages, the original has %d", len(a.Partials()), len(e.Partials))
			}
			for _, p := range a.Partials() {
				theirs := e.Partials[p.MessageID]
				if theirs.ExpectedTotal.String() != fmt.Sprint(p.Total) || len(theirs.Chunks) != len(p.Chunks) {
					t.Fatalf("partial %+v, the original's is %+v", p, theirs)
				}
				for i, c := range p.Chunks {
					if theirs.Chunks[i].ChunkID.String() != fmt.Sprint(c.Index) || theirs.Chunks[i].Length != c.Length {
						t.Errorf("chunk %+v, the original's is %+v", c, theirs.Chunks[i])
					}
				}
			}
		})
	}
	if known != len(otherVerdicts) {
		t.Errorf("%d of the %d exceptions are in the corpus", known, len(otherVerdicts))
	}
}

// judge adds a text and says what became of it.
func judge(a *Assembler, text string) (verdict, whole string) {
	before := a.Stats()
	out, done, err := a.Add([]byte(text))
	after := a.Stats()
	switch {
	case done && after.Received == before.Received:
		return "no chunk", ""
	case done:
		return "whole", string(out)
	case after.Repeated > before.Repeated:
		return "repeated", ""
	case err != nil:
		return "refused", ""
	}
	return "waits", ""
}

// sameJSON compares two texts as Python would print them.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	one, errA := Decode([]byte(a))
	two, errB := Decode([]byte(b))
	if errA != nil || errB != nil {
		t.Fatalf("%s: %v, %s: %v", a, errA, b, errB)
	}
	return bytes.Equal(Encode(one), Encode(two))
}
