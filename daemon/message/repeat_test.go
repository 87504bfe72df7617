package message

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestMessageThatComesWholeTwiceIsOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := NewAssembler(time.Minute, time.Now)
		first, second := part(`"m"`, `0`, `2`, `"{\"a\": "`), part(`"m"`, `1`, `2`, `"1}"`)
		addAll(t, a, first, second)
		addAll(t, a, first)
		if _, done, err := a.Add(second); done || err == nil || err.Error() != `chunked message "m" came a second time` {
			t.Errorf("the last chunk once more: done %t, %v", done, err)
		}
		if got, want := a.Stats(), (ChunkStats{Received: 4, Successful: 1, Repeated: 1}); got != want || a.bytes != 0 {
			t.Errorf("stats are %+v with %d bytes, want %+v with 0", got, a.bytes, want)
		}
		if whole, done := addAll(t, a, first, part(`"m"`, `1`, `2`, `"2}"`)); !done || whole != `{"a": 2}` {
			t.Errorf("another message under the same id: %q, complete: %t", whole, done)
		}
		if whole, done := addAll(t, a, part(`"n"`, `0`, `2`, `"{\"a\": "`), part(`"n"`, `1`, `2`, `"1}"`)); !done || whole != `{"a": 1}` {
			t.Errorf("the same text under another id: %q, complete: %t", whole, done)
		}
		time.Sleep(time.Minute)
		if _, done := addAll(t, a, first, part(`"m"`, `1`, `2`, `"2}"`)); !done {
			t.Error("a message is still known when the timeout is over")
		}
	})
}

func TestRepeatsAreRememberedInBounds(t *testing.T) {
	t.Parallel()
	a := NewAssembler(0, time.Now)
	a.MaxMessages = 10
	for i := range 1000 {
		addAll(t, a, part(fmt.Sprintf(`"%d"`, i%500), `0`, `1`, fmt.Sprintf(`"{\"a\": %d}"`, i)))
		if len(a.repeats.texts) > 10 || len(a.repeats.order) != len(a.repeats.texts) {
			t.Fatalf("after %d messages %d are remembered, in an order of %d", i+1, len(a.repeats.texts), len(a.repeats.order))
		}
	}
}

func TestRoomForNoMessageIsNoPanic(t *testing.T) {
	t.Parallel()
	a := NewAssembler(time.Minute, time.Now)
	a.MaxMessages = 0
	if whole, done := addAll(t, a, part(`"m"`, `0`, `1`, `"{}"`)); !done || whole != "{}" {
		t.Errorf("a message of one chunk: %q, complete: %t", whole, done)
	}
}

// shuffledTwice is every chunk of one message twice, in random order.
func shuffledTwice(t *testing.T, n int) (text string, chunks [][]byte) {
	t.Helper()
	const limit = 1024
	room := limit - len(appendChunk(nil, newMessageID(), 900*n, 900*n, nil))
	text = `{"task": "a.b", "args": ["` + strings.Repeat("x", room*(n-1)) + `"]}`
	once, err := Split([]byte(text), limit)
	if err != nil || len(once) != n {
		t.Fatalf("%d chunks, %v, want %d", len(once), err, n)
	}
	chunks = append(once, once...)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(chunks), func(i, j int) { chunks[i], chunks[j] = chunks[j], chunks[i] })
	return text, chunks
}

func TestTenThousandChunksTwiceInAnyOrderAreOneMessage(t *testing.T) {
	t.Parallel()
	const n = 10_000
	text, chunks := shuffledTwice(t, n)
	now := time.Now()
	a := NewAssembler(time.Minute, func() time.Time { return now })
	most, messages := 0, 0
	for _, c := range chunks {
		whole, done, err := a.Add(c)
		if err != nil {
			t.Fatal(err)
		}
		if done {
			messages++
			if string(whole) != text {
				t.Error("the message is not what was split")
			}
		}
		most = max(most, a.bytes)
	}
	if messages != 1 || most > 2*len(text) {
		t.Errorf("%d messages, with %d bytes for a text of %d; want one", messages, most, len(text))
	}
	now = now.Add(time.Minute)
	dropped := a.Expire()
	if late := a.Stats().TimedOut; late > 1 || len(dropped) != late {
		t.Errorf("%d partial messages expire, want one at most, of late chunks: %v", late, dropped)
	}
	if s := a.Stats(); s.Received != 2*n || s.Active != 0 || a.bytes != 0 {
		t.Errorf("stats are %+v with %d bytes, want nothing left", s, a.bytes)
	}
	for _, c := range chunks { // once more, all of it
		if _, done, _ := a.Add(c); done {
			messages++
		}
	}
	if messages != 2 {
		t.Errorf("%d messages after the timeout, want that it is new then", messages)
	}
}
