package message

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// What a partial message and each of its chunks are reckoned to take beside their text.
const (
	partialOverhead = 256
	chunkOverhead   = 64
)

// Partial is a message of which chunks are missing.
type Partial struct {
	MessageID string
	Age       time.Duration // since its first chunk came
	Total     int           // number of chunks, as the last one said
	Chunks    []PartialChunk
}

// PartialChunk is one received chunk; they are in order of Index.
type PartialChunk struct {
	Index  int
	Length int // in characters
}

// Expired is a message that was given up because chunks were missing. As an error it names the message and the chunks that came.
type Expired struct {
	MessageID string
	Received  []int // indexes in order
	Total     int
	Age       time.Duration
}

// Error says what was given up, in bounded length.
func (e Expired) Error() string {
	return fmt.Sprintf("incomplete message %.64q dropped after %s: received chunks %s of %d",
		e.MessageID, e.Age.Round(time.Millisecond), ranges(e.Received), e.Total)
}

// ranges shows ordered indexes as in "0-3, 5", at most ten of such.
func ranges(indexes []int) string {
	const most = 10
	var parts []string
	for i := 0; i < len(indexes); {
		if len(parts) == most {
			parts = append(parts, "...")
			break
		}
		from := i
		for i++; i < len(indexes) && indexes[i] == indexes[i-1]+1; i++ {
		}
		part := fmt.Sprint(indexes[from])
		if i-from > 1 {
			part += fmt.Sprintf("-%d", indexes[i-1])
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// partial collects the chunks of one message.
type partial struct {
	id      string
	start   time.Time
	total   int
	parts   map[int]string
	missing int // the lowest index that has not come
	size    int // bytes, as reckoned
}

func newPartial(id string, start time.Time) *partial {
	return &partial{id: id, start: start, parts: map[int]string{}, size: partialOverhead + len(id)}
}

// add takes a chunk, which replaces an earlier one of its index.
func (p *partial) add(c chunk) {
	if old, ok := p.parts[c.index]; ok {
		p.size -= chunkOverhead + len(old)
	}
	p.parts[c.index] = c.payload
	p.size += chunkOverhead + len(c.payload)
	p.total = c.total
	for ; ; p.missing++ {
		if _, ok := p.parts[p.missing]; !ok {
			return
		}
	}
}

// complete goes by the total that came last, which may be none at all.
func (p *partial) complete() bool {
	return p.missing >= p.total
}

// join is the text of the chunks below total.
func (p *partial) join() []byte {
	size := 0
	for i := range p.total {
		size += len(p.parts[i])
	}
	text := make([]byte, 0, size)
	for i := range p.total {
		text = append(text, p.parts[i]...)
	}
	return text
}

func (p *partial) expired(now time.Time) Expired {
	return Expired{MessageID: p.id, Received: p.indexes(), Total: p.total, Age: now.Sub(p.start)}
}

func (p *partial) snapshot(now time.Time) Partial {
	s := Partial{MessageID: p.id, Age: now.Sub(p.start), Total: p.total}
	for _, i := range p.indexes() {
		s.Chunks = append(s.Chunks, PartialChunk{Index: i, Length: characters(p.parts[i])})
	}
	return s
}

func (p *partial) indexes() []int {
	return slices.Sorted(maps.Keys(p.parts))
}
