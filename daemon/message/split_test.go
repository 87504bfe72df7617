package message

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// payloads are the parts of the text; the headers are checked on the way.
func payloads(t *testing.T, chunks [][]byte) []string {
	t.Helper()
	var texts []string
	for _, text := range chunks {
		c, ok, err := readChunk(text)
		if !ok || err != nil {
			t.Fatalf("%q is no chunk: %v", text, err)
		}
		if c.index != len(texts) || c.total != len(chunks) {
			t.Errorf("chunk %d of %d says %d of %d", len(texts), len(chunks), c.index, c.total)
		}
		texts = append(texts, c.payload)
	}
	return texts
}

func TestSplitReturnsWhatFits(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{0, 300, 301} {
		text := []byte(strings.Repeat("é", 150))
		chunks, err := Split(text, limit)
		if err != nil || len(chunks) != 1 || !bytes.Equal(chunks[0], text) {
			t.Errorf("Split of 300 bytes at %d = %q, %v, want the text", limit, chunks, err)
		}
	}
}

// The figures are from the Python original.
func TestSplitReckonsLikeTheOriginal(t *testing.T) {
	t.Parallel()
	text := `"` + strings.Repeat("x", 2023) + `"`
	chunks, err := Split([]byte(text), 1024)
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, c := range chunks {
		got = append(got, len(c))
	}
	if len(got) != 3 || got[0] != 1018 || got[1] != 1018 {
		t.Errorf("2025 bytes at 1024 make chunks of %v bytes, want 1018, 1018 and the rest", got)
	}
	if strings.Join(payloads(t, chunks), "") != text {
		t.Error("the payloads are not the text")
	}
	envelope := `{"__dispatcherd_chunk__":"v1","message_id":"` + strings.Repeat("0", 32) + `","index":0,"total":2,"payload":""}`
	if got := string(appendChunk(nil, strings.Repeat("0", 32), 0, 2, nil)); got != envelope || len(got) != 111 {
		t.Errorf("empty envelope is %s, want %s", got, envelope)
	}
	if got := len(appendChunk(nil, strings.Repeat("0", 32), 2000, 2000, nil)); got != 117 {
		t.Errorf("worst envelope for 2000 bytes has %d bytes, want 117", got)
	}
}

func TestSplitRefusesALimitWithoutRoom(t *testing.T) {
	t.Parallel()
	text := []byte(strings.Repeat("x", 400))
	for limit, ok := range map[int]bool{-1: false, 1: false, 115: false, 126: false, 127: true, 399: true} {
		if _, err := Split(text, limit); (err == nil) != ok {
			t.Errorf("Split of 400 bytes at %d: error %v, want one: %t", limit, err, !ok)
		}
	}
	for _, text := range []string{"\xff", "\xed\xa0\xbd"} {
		if _, err := Split([]byte(strings.Repeat(text, 300)), 200); err == nil {
			t.Errorf("Split of %q worked, want an error", text)
		}
	}
}

func TestSplitChargesForEscapes(t *testing.T) {
	t.Parallel()
	for character, cost := range map[string]int{
		"a": 1, "/": 1, "~": 1, " ": 1, `"`: 2, `\`: 2, "\n": 2, "\r": 2, "\t": 2, "\b": 2, "\f": 2,
		"\x00": 6, "\x1f": 6, "\x7f": 6, "\u0080": 6, "é": 6, "\u2028": 6, "\uffff": 6, "😀": 12, "\U0010ffff": 12,
	} {
		const limit = 220
		text := strings.Repeat(character, 400)
		chunks, err := Split([]byte(text), limit)
		if err != nil {
			t.Fatal(err)
		}
		budget := limit - len(appendChunk(nil, strings.Repeat("0", 32), len(text), len(text), nil))
		parts := payloads(t, chunks)
		if got := utf8.RuneCountInString(parts[0]); got != budget/cost {
			t.Errorf("the first chunk has %d of %q, want %d", got, character, budget/cost)
		}
		if empty := len(appendChunk(nil, strings.Repeat("0", 32), 0, len(parts), nil)); len(chunks[0]) != empty+budget/cost*cost {
			t.Errorf("the first chunk of %q has %d bytes, want %d", character, len(chunks[0]), empty+budget/cost*cost)
		}
	}
}

func TestMessageIDIsARandomUUID(t *testing.T) {
	t.Parallel()
	a, b := newMessageID(), newMessageID()
	if a == b || len(a) != 32 || a[12] != '4' || !strings.ContainsRune("89ab", rune(a[16])) {
		t.Errorf("message ids %s and %s", a, b)
	}
}

func TestAssemblerUndoesSplitInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := NewAssembler(time.Minute, time.Now)
		value := rapid.StringN(0, 300, -1).Draw(t, "value")
		text := `{"task": "` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(strings.Map(printable, value)) + `", "args": "` + strings.Repeat("x", 200) + `"}`
		limit := rapid.IntRange(130, 400).Draw(t, "limit")
		chunks, err := Split([]byte(text), limit)
		if err != nil {
			t.Fatalf("Split(%q, %d): %v", text, limit, err)
		}
		for n, i := range rapid.Permutation(indexesOf(chunks)).Draw(t, "order") {
			if len(chunks[i]) > limit {
				t.Fatalf("chunk %q has %d bytes, the limit is %d", chunks[i], len(chunks[i]), limit)
			}
			whole, done, err := a.Add(chunks[i])
			if err != nil || done != (n == len(chunks)-1) {
				t.Fatalf("Add of chunk %d of %d: done %t, error %v", n, len(chunks), done, err)
			}
			if done && string(whole) != text {
				t.Fatalf("got %q, want %q", whole, text)
			}
		}
		if a.bytes != 0 || a.Stats().Active != 0 {
			t.Fatalf("%d bytes and %d messages are left", a.bytes, a.Stats().Active)
		}
	})
}

// printable drops the control characters that JSON strings cannot have.
func printable(r rune) rune {
	if r < ' ' {
		return -1
	}
	return r
}

func indexesOf(chunks [][]byte) []int {
	order := make([]int, len(chunks))
	for i := range order {
		order[i] = i
	}
	return order
}

func TestEveryLengthIsSplitAndJoined(t *testing.T) {
	t.Parallel()
	a := NewAssembler(time.Minute, time.Now)
	for n := range 999 {
		text := `{"a":"` + strings.Repeat("x", n) + `"}`
		chunks, err := Split([]byte(text), 300)
		if err != nil {
			t.Fatal(err)
		}
		var whole []byte
		for _, c := range chunks {
			if whole, _, err = a.Add(c); err != nil {
				t.Fatal(err)
			}
		}
		if string(whole) != text {
			t.Fatalf("%d: got %q, want %q", n, whole, text)
		}
		if len(chunks) > 1 {
			for _, part := range payloads(t, chunks) {
				if part == "" {
					t.Fatalf("%d: a chunk is empty", n)
				}
			}
		}
	}
}
