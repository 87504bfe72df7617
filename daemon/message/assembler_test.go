package message

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// part is an envelope whose values are JSON text.
func part(id, index, total, payload string) []byte {
	return fmt.Appendf(nil, `{"payload": %s, "total": %s, "index": %s, "message_id": %s, "__dispatcherd_chunk__": "v1"}`, payload, total, index, id)
}

func addAll(t *testing.T, a *Assembler, chunks ...[]byte) (whole string, done bool) {
	t.Helper()
	for i, c := range chunks {
		text, ok, err := a.Add(c)
		if err != nil {
			t.Fatalf("Add(%q): %v", c, err)
		}
		if ok && i < len(chunks)-1 {
			t.Fatalf("Add(%q) completed the message too early", c)
		}
		whole, done = string(text), ok
	}
	return whole, done
}

func TestWhatIsNoChunkPassesThrough(t *testing.T) {
	t.Parallel()
	a := NewAssembler(time.Minute, time.Now)
	for _, text := range []string{
		``, `{}`, ` {"task": "a"}`, `lambda: 5`, `5`, `["__dispatcherd_chunk__"]`, `{"a": "__dispatcherd_chunk__"}`, `{"a": {"__dispatcherd_chunk__": "v1"}}`,
		`{"__dispatcherd_chunk__": "v1"`, `{"__dispatcherd_chunk__": "v1"}x`, `{"__DISPATCHERD_CHUNK__": "v1", "x": "\u0000"}`, "{\"__dispatcherd_chunk__\": \"\xff\"}",
	} {
		whole, done, err := a.Add([]byte(text))
		if string(whole) != text || !done || err != nil {
			t.Errorf("Add(%q) = %q, %t, %v, want it back", text, whole, done, err)
		}
	}
	if got := a.Stats(); got != (ChunkStats{}) {
		t.Errorf("stats are %+v, want zeros", got)
	}
}

func TestChunksAreJoined(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		chunks [][]byte
		want   string
	}{
		{"in order", [][]byte{part(`"m"`, `0`, `2`, `"{\"a\": "`), part(`"m"`, `1`, `2`, `"1}"`)}, `{"a": 1}`},
		{"out of order", [][]byte{part(`"m"`, `2`, `3`, `"}"`), part(`"m"`, `0`, `3`, `"{\"a\":"`), part(`"m"`, `1`, `3`, `"2"`)}, `{"a":2}`},
		{"bools as numbers", [][]byte{part(`"m"`, `false`, `2`, `"{"`), part(`"m"`, `true`, `2`, `"}"`)}, `{}`},
		{"last of equal indexes", [][]byte{part(`"m"`, `0`, `2`, `"{\"a\":1"`), part(`"m"`, `0`, `2`, `"{\"b\":1"`), part(`"m"`, `1`, `2`, `"}"`)}, `{"b":1}`},
		{"indexes outside are ignored", [][]byte{part(`"m"`, `-1`, `1`, `"x"`), part(`"m"`, `7`, `1`, `"y"`), part(`"m"`, `0`, `1`, `"{}"`)}, `{}`},
		{"a smaller total completes", [][]byte{part(`"m"`, `0`, `9`, `"{"`), part(`"m"`, `1`, `2`, `"}"`)}, `{}`},
		{"one chunk", [][]byte{part(`""`, `-0`, `1`, `" {} "`)}, ` {} `},
		{"escaped marker", [][]byte{[]byte(`{"\u005f_dispatcherd_chunk__":"v1","message_id":"m","index":0,"total":1,"payload":"{}"}`)}, `{}`},
		{"last of equal keys", [][]byte{[]byte(`{"index":5,"total":1,"message_id":"m","__dispatcherd_chunk__":"v0","payload":"{}","index":0,"__dispatcherd_chunk__":"v1"}`)}, `{}`},
		{"without payload", [][]byte{part(`"m"`, `0`, `2`, `"{}"`), []byte(`{"__dispatcherd_chunk__":"v1","message_id":"m","index":1,"total":2}`)}, `{}`},
		{"a chunk inside is left alone", [][]byte{part(`"m"`, `0`, `1`, `"{\"__dispatcherd_chunk__\": \"v2\"}"`)}, `{"__dispatcherd_chunk__": "v2"}`},
		{"a pair cut in two", [][]byte{part(`"m"`, `0`, `2`, `"{\"a\": \"é\ud83d"`), part(`"m"`, `1`, `2`, `"\ude00\"}"`)}, `{"a": "é\ud83d\ude00"}`},
		{"NaN", [][]byte{part(`"m"`, `0`, `1`, `"{\"a\": NaN}"`)}, `{"a": NaN}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := NewAssembler(time.Minute, time.Now)
			whole, done := addAll(t, a, tt.chunks...)
			if !done || whole != tt.want {
				t.Errorf("chunks make %q, complete: %t, want %q", whole, done, tt.want)
			}
			want := ChunkStats{Received: len(tt.chunks), Successful: 1, Conflicts: a.Stats().Conflicts}
			if got := a.Stats(); got != want || a.bytes != 0 {
				t.Errorf("stats are %+v with %d bytes, want %+v with 0", got, a.bytes, want)
			}
		})
	}
}

func TestBadChunksAreRefused(t *testing.T) {
	t.Parallel()
	const secret = `"hunter2"`
	for text, want := range map[string]string{
		string(part(secret, secret, `2`, secret)):                                                   "index must be an integer of at most 64 bits, got a string",
		string(part(`"m"`, `1.0`, `2`, secret)):                                                     "index must be",
		string(part(`"m"`, `0`, `null`, secret)):                                                    "total must be an integer of at most 64 bits, got null",
		string(part(`"m"`, `0`, `1e0`, secret)):                                                     "total must be",
		string(part(`"m"`, `0`, `99999999999999999999`, secret)):                                    "total must be",
		string(part(`7`, `0`, `1`, secret)):                                                         "message_id must be a string, got a number",
		string(part(`"m"`, `0`, `1`, `null`)):                                                       "payload must be a string, got null",
		`{"__dispatcherd_chunk__":"v1","message_id":"m","total":1,"payload":"hunter2"}`:             "index must be an integer of at most 64 bits, got nothing",
		`{"__dispatcherd_chunk__":"v1"}`:                                                            "message_id must be a string, got nothing",
		`{"__dispatcherd_chunk__":"v2","message_id":"m","index":0,"total":1,"payload":"hunter2"}`:   `must be "v1"`,
		`{"__dispatcherd_chunk__":null}`:                                                            `must be "v1"`,
		string(part(`"m"`, `0`, `1`, `"[\"hunter2\"]"`)):                                            `join 1 chunks of message "m": JSON is not an object`,
		string(part(`"m"`, `0`, `1`, `"hunter2"`)):                                                  "not JSON",
		string(part(`"m"`, `0`, `0`, secret)):                                                       "not JSON",
		string(part(`"m"`, `0`, `-5`, secret)):                                                      "not JSON",
		string(part(`"m"`, `0`, `1`, `"{\"a\": \"\\\ud83d\"}"`)):                                    "not JSON",
		string(part(`"`+strings.Repeat("m", 999)+`"`, `0`, `1`, `"`+strings.Repeat("[", 2000)+`"`)): "1000 deep",
	} {
		a := NewAssembler(time.Minute, time.Now)
		whole, done, err := a.Add([]byte(text))
		if err == nil || done || whole != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Add(%q) = %q, %t, %v, want an error with %q", text, whole, done, err, want)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") || len(err.Error()) > 300 {
			t.Errorf("Add(%q): the error says too much: %v", text, err)
		}
		if got, want := a.Stats(), (ChunkStats{Received: 1, Errored: 1}); got != want || a.bytes != 0 {
			t.Errorf("Add(%q): stats are %+v with %d bytes, want %+v with 0", text, got, a.bytes, want)
		}
	}
}

func TestAChunkAfterCompletionStartsAfresh(t *testing.T) {
	t.Parallel()
	a := NewAssembler(time.Minute, time.Now)
	first, second := part(`"m"`, `0`, `2`, `"{"`), part(`"m"`, `1`, `2`, `"}"`)
	addAll(t, a, first, second)
	if _, done := addAll(t, a, second); done || a.Stats().Active != 1 {
		t.Errorf("a late chunk: done %t, stats %+v", done, a.Stats())
	}
}

func TestPartialMessagesAreShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := NewAssembler(time.Minute, time.Now)
		addAll(t, a, part(`"one"`, `3`, `9`, `"é😀\ud83d"`))
		time.Sleep(2 * time.Second)
		addAll(t, a, part(`"two"`, `0`, `2`, `""`), part(`"one"`, `-1`, `8`, `"abc"`))
		want := []Partial{
			{MessageID: "one", Age: 2 * time.Second, Total: 8, Chunks: []PartialChunk{{Index: -1, Length: 3}, {Index: 3, Length: 3}}},
			{MessageID: "two", Total: 2, Chunks: []PartialChunk{{Index: 0, Length: 0}}},
		}
		if diff := cmp.Diff(want, a.Partials()); diff != "" {
			t.Errorf("Partials() (-want +got):\n%s", diff)
		}
		if got, want := a.Stats(), (ChunkStats{Received: 3, Active: 2, Conflicts: 1}); got != want {
			t.Errorf("stats are %+v, want %+v", got, want)
		}
	})
}

func TestPartialMessagesExpire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := NewAssembler(time.Minute, time.Now)
		if at, ok := a.NextExpiry(); ok {
			t.Errorf("next expiry of nothing is %v", at)
		}
		start := time.Now()
		addAll(t, a, part(`"one"`, `0`, `9`, `"x"`), part(`"one"`, `1`, `9`, `"x"`), part(`"one"`, `5`, `9`, `"x"`))
		time.Sleep(time.Second)
		addAll(t, a, part(`"two"`, `0`, `2`, `"{"`), part(`"one"`, `7`, `9`, `"x"`))

		at, ok := a.NextExpiry()
		if !ok || at.Sub(start) != time.Minute {
			t.Errorf("next expiry is %v after the start, want a minute", at.Sub(start))
		}
		time.Sleep(time.Until(at) - 1)
		if got := a.Expire(); got != nil {
			t.Errorf("expired too early: %v", got)
		}
		time.Sleep(time.Nanosecond)
		want := []Expired{{MessageID: "one", Received: []int{0, 1, 5, 7}, Total: 9, Age: time.Minute}}
		if diff := cmp.Diff(want, a.Expire()); diff != "" {
			t.Errorf("Expire() (-want +got):\n%s", diff)
		}
		if got := want[0].Error(); got != `incomplete message "one" dropped after 1m0s: received chunks 0-1, 5, 7 of 9` {
			t.Errorf("Expired.Error() = %s", got)
		}
		time.Sleep(time.Hour)
		if _, done := addAll(t, a, part(`"two"`, `1`, `2`, `"}"`)); !done {
			t.Error("a late last chunk does not complete a message that is still there")
		}
		if got, want := a.Stats(), (ChunkStats{Received: 6, Successful: 1, TimedOut: 1}); got != want || a.bytes != 0 {
			t.Errorf("stats are %+v with %d bytes, want %+v with 0", got, a.bytes, want)
		}
	})
}

func TestWithoutATimeoutNothingExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := NewAssembler(0, time.Now)
		addAll(t, a, part(`"m"`, `0`, `2`, `""`))
		time.Sleep(1000 * time.Hour)
		if _, ok := a.NextExpiry(); ok || a.Expire() != nil {
			t.Error("something expires")
		}
	})
}

func TestTheOldestPartialMakesRoom(t *testing.T) {
	t.Parallel()
	a := NewAssembler(time.Minute, time.Now)
	a.MaxMessages = 2
	addAll(t, a, part(`"one"`, `0`, `3`, `"{"`), part(`"two"`, `0`, `2`, `"{"`), part(`"one"`, `1`, `3`, `"{"`))
	whole, done, err := a.Add(part(`"three"`, `0`, `2`, `"{"`))
	var dropped Expired
	if whole != nil || done || !errors.As(err, &dropped) || dropped.MessageID != "one" || len(dropped.Received) != 2 {
		t.Fatalf("Add of a third message = %q, %t, %v, want an error about the first", whole, done, err)
	}
	if !strings.Contains(err.Error(), `or 2 messages: incomplete message "one"`) {
		t.Errorf("error is %v", err)
	}
	if whole, done := addAll(t, a, part(`"two"`, `1`, `2`, `"}"`)); !done || whole != "{}" {
		t.Errorf("the second message is %q, complete: %t", whole, done)
	}
	if got, want := a.Stats(), (ChunkStats{Received: 5, Successful: 1, Errored: 1, Dropped: 1, Active: 1}); got != want {
		t.Errorf("stats are %+v, want %+v", got, want)
	}
}

func TestBytesOfPartialsAreBounded(t *testing.T) {
	t.Parallel()
	a := NewAssembler(0, time.Now)
	a.MaxBytes = 100_000
	failures := 0
	for i := range 10_000 {
		c := part(fmt.Sprintf(`"m%d"`, i%7), fmt.Sprint(i), `1000000`, `"`+strings.Repeat("x", i%100)+`"`)
		if _, _, err := a.Add(c); err != nil {
			failures++
		}
		if a.bytes > a.MaxBytes || a.bytes < 0 {
			t.Fatalf("after %d chunks %d bytes are kept, the limit is %d", i+1, a.bytes, a.MaxBytes)
		}
	}
	if failures == 0 || a.Stats().Dropped != failures {
		t.Errorf("%d errors, %d messages dropped", failures, a.Stats().Dropped)
	}
	a = NewAssembler(0, time.Now)
	addAll(t, a, part(`"m"`, `0`, `2`, `"abc"`))
	once := a.bytes
	addAll(t, a, part(`"m"`, `0`, `2`, `"xyz"`))
	if a.bytes != once {
		t.Errorf("the same chunk again makes %d bytes of %d", a.bytes, once)
	}
	addAll(t, a, part(`"m"`, `1`, `3`, `""`))
	if a.bytes != once+chunkOverhead {
		t.Errorf("an empty chunk makes %d bytes of %d", a.bytes, once)
	}
	a.MaxBytes = 100_000
	if _, _, err := a.Add(part(`"huge"`, `0`, `2`, `"`+strings.Repeat("x", a.MaxBytes)+`"`)); err == nil || a.bytes != 0 || len(a.byID) != 0 {
		t.Errorf("a chunk beyond the limit: error %v, %d bytes are kept", err, a.bytes)
	}
}

func TestRangesAreShortened(t *testing.T) {
	t.Parallel()
	for want, indexes := range map[string][]int{
		"":                                       nil,
		"0":                                      {0},
		"0-1":                                    {0, 1},
		"-1, 3-5, 9":                             {-1, 3, 4, 5, 9},
		"0, 2, 4, 6, 8, 10, 12, 14, 16, 18, ...": {0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22},
	} {
		if got := ranges(indexes); got != want {
			t.Errorf("ranges(%v) = %q, want %q", indexes, got, want)
		}
	}
}
