package journal

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
)

// line is one record, taken apart.
type line struct {
	record slog.Record
	part   string  // of the program; "" for none
	attrs  string  // the others as key=value, in one line
	fields []field // those that the journal keeps apart
	spoken bool    // a worker wrote the message; it is not ours
}

// output is where lines go. It is used by one goroutine at a time.
type output interface{ write(l *line) error }

// Handler takes records apart for an output.
type Handler struct {
	shared *shared
	level  slog.Leveler
	words  slog.Handler // writes the attributes into shared.text
	groups int          // how many are open: what is in a group becomes no field

	part   string
	fields []field
	spoken bool
}

// shared is what a handler and those derived from it have in common.
type shared struct {
	mu   sync.Mutex // guards text and out; held while writing, which keeps the lines in order
	text bytes.Buffer
	out  output
}

var _ slog.Handler = (*Handler)(nil)

func newHandler(out output, level slog.Leveler) *Handler {
	s := &shared{out: out}
	words := slog.NewTextHandler(&s.text, &slog.HandlerOptions{Level: level, ReplaceAttr: keepRest})
	return &Handler{shared: s, level: level, words: words}
}

// keepRest leaves out of the attributes what a line has in a place of its own.
func keepRest(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && slices.Contains([]string{slog.TimeKey, slog.LevelKey, slog.MessageKey, partKey, eventKey}, a.Key) {
		return slog.Attr{}
	}
	return clip(groups, a)
}

// Enabled says whether a record of that level is written.
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level.Level() }

// Handle writes a record.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	own := h.derive()
	r.Attrs(func(a slog.Attr) bool {
		own.note(a)
		return true
	})
	s := h.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Reset()
	if err := h.words.Handle(ctx, r); err != nil {
		return err
	}
	attrs := string(bytes.TrimSpace(s.text.Bytes()))
	return s.out.write(&line{record: r, part: own.part, attrs: attrs, fields: own.fields, spoken: own.spoken})
}

// WithAttrs returns a handler that adds attributes to each record.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	own := h.derive()
	own.words = h.words.WithAttrs(attrs)
	for _, a := range attrs {
		own.note(a)
	}
	return own
}

// WithGroup returns a handler whose further attributes are in a group.
func (h *Handler) WithGroup(name string) slog.Handler {
	own := h.derive()
	own.words = h.words.WithGroup(name)
	own.groups++
	return own
}

// derive returns a handler that may come to know more than h.
func (h *Handler) derive() *Handler {
	own := *h
	own.fields = slices.Clip(h.fields)
	return &own
}

// note keeps what is not in the words.
func (h *Handler) note(a slog.Attr) {
	if h.groups > 0 {
		return
	}
	switch a.Key {
	case partKey:
		h.part = a.Value.String()
	case streamKey:
		h.spoken = true
	}
	if f, ok := fieldOf(a); ok {
		h.fields = append(h.fields, f)
	}
}
