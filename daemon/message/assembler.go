package message

import (
	"container/list"
	"errors"
	"fmt"
	"time"
)

// How much the partial messages of an Assembler may take, unless it is told otherwise.
const (
	defaultPartialBytes    = 64 << 20
	defaultPartialMessages = 1000
)

// ChunkStats counts since the start; Active is how many partial messages there are now.
type ChunkStats struct {
	Received   int `json:"total_chunks_received"` // bad ones included
	Successful int `json:"successful_assemblies"`
	Errored    int `json:"errored_assemblies"` // bad chunks, messages that are no object, and the Dropped
	TimedOut   int `json:"timed_out_assemblies"`
	Dropped    int `json:"dropped_assemblies"`  // to stay within MaxBytes and MaxMessages
	Conflicts  int `json:"conflicting_totals"`  // chunks with another total than the one before; theirs holds from then on
	Repeated   int `json:"repeated_assemblies"` // messages that came whole once more, which are dropped
	Active     int `json:"active_messages"`
}

// Assembler joins chunks to messages. It is not for concurrent use.
type Assembler struct {
	// MaxBytes bounds what the partial messages take together, each chunk counted with some overhead; the oldest is dropped. Default 64 MiB.
	MaxBytes int
	// MaxMessages bounds the number of partial messages; the oldest is dropped. As many complete ones are remembered, each for the timeout. Default 1000.
	MaxMessages int

	timeout time.Duration
	now     func() time.Time
	byID    map[string]*list.Element
	byAge   *list.List // of *partial, the oldest in front
	bytes   int        // sum of their sizes
	repeats repeats
	stats   ChunkStats
}

// NewAssembler makes one that gives up a message when the rest of it has not come within the timeout; 0 or less is for ever.
func NewAssembler(timeout time.Duration, now func() time.Time) *Assembler {
	return &Assembler{
		MaxBytes:    defaultPartialBytes,
		MaxMessages: defaultPartialMessages,
		timeout:     timeout,
		now:         now,
		byID:        map[string]*list.Element{},
		byAge:       list.New(),
		repeats:     repeats{texts: map[digest]digest{}},
	}
}

// Add takes a payload. What is not a chunk comes back as it is. A chunk is kept until it completes a message, whose text, a JSON object, is returned
// then, even if it looks like a chunk itself; the same message under the same id is an error when it comes a second time. When there is an error, a chunk or a message was dropped, perhaps an older one than this; done is false.
func (a *Assembler) Add(payload []byte) (whole []byte, done bool, err error) {
	c, ok, err := readChunk(payload)
	if !ok {
		return payload, true, nil
	}
	a.stats.Received++
	if err != nil {
		a.stats.Errored++
		return nil, false, err
	}
	p := a.partial(c.id)
	if len(p.parts) > 0 && p.total != c.total {
		a.stats.Conflicts++
	}
	a.bytes -= p.size
	p.add(c)
	a.bytes += p.size
	if !p.complete() {
		return nil, false, a.shrink()
	}
	a.remove(p)
	whole = mendSurrogates(p.join())
	if _, err := indexFields(trimSpace(whole)); err != nil {
		a.stats.Errored++
		return nil, false, fmt.Errorf("join %d chunks of message %.64q: %w", p.total, p.id, err)
	}
	now := a.now()
	a.repeats.forget(now, a.timeout, a.MaxMessages-1)
	if a.repeats.again(p.id, whole, now) {
		a.stats.Repeated++
		return nil, false, fmt.Errorf("chunked message %.64q came a second time", p.id)
	}
	a.stats.Successful++
	return whole, true, nil
}

// SetTimeout changes how long a message may take, also one of which parts are there.
func (a *Assembler) SetTimeout(timeout time.Duration) { a.timeout = timeout }

// Expire drops the messages that waited too long.
func (a *Assembler) Expire() []Expired {
	if a.timeout <= 0 {
		return nil
	}
	var dropped []Expired
	now := a.now()
	for p := a.oldest(); p != nil && now.Sub(p.start) >= a.timeout; p = a.oldest() {
		a.remove(p)
		a.stats.TimedOut++
		dropped = append(dropped, p.expired(now))
	}
	return dropped
}

// NextExpiry is when Expire will have something to do, false when that is never.
func (a *Assembler) NextExpiry() (time.Time, bool) {
	p := a.oldest()
	if p == nil || a.timeout <= 0 {
		return time.Time{}, false
	}
	return p.start.Add(a.timeout), true
}

// Stats is a copy of the counters.
func (a *Assembler) Stats() ChunkStats {
	stats := a.stats
	stats.Active = a.byAge.Len()
	return stats
}

// Partials shows the messages that are not complete, the oldest first.
func (a *Assembler) Partials() []Partial {
	now := a.now()
	partials := make([]Partial, 0, a.byAge.Len())
	for e := a.byAge.Front(); e != nil; e = e.Next() {
		partials = append(partials, e.Value.(*partial).snapshot(now))
	}
	return partials
}

// partial finds the message of that id, or begins it.
func (a *Assembler) partial(id string) *partial {
	if e, ok := a.byID[id]; ok {
		return e.Value.(*partial)
	}
	p := newPartial(id, a.now())
	a.byID[id] = a.byAge.PushBack(p)
	a.bytes += p.size
	return p
}

func (a *Assembler) oldest() *partial {
	if e := a.byAge.Front(); e != nil {
		return e.Value.(*partial)
	}
	return nil
}

func (a *Assembler) remove(p *partial) {
	a.byAge.Remove(a.byID[p.id])
	delete(a.byID, p.id)
	a.bytes -= p.size
}

// shrink drops the oldest until the rest is within the bounds.
func (a *Assembler) shrink() error {
	var dropped []error
	for a.bytes > a.MaxBytes || a.byAge.Len() > a.MaxMessages {
		p := a.oldest()
		a.remove(p)
		a.stats.Dropped++
		a.stats.Errored++
		dropped = append(dropped, fmt.Errorf("partial messages exceed %d bytes or %d messages: %w", a.MaxBytes, a.MaxMessages, p.expired(a.now())))
	}
	return errors.Join(dropped...)
}
