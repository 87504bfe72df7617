package journal

import (
	"log/slog"
	"slices"
	"unicode/utf8"
)

const (
	// longestLabel bounds, in bytes, what others name as they like: it stands in
	// every line about a task, and may be as long as a message.
	longestLabel = 200
	// longestValue bounds every other value.
	longestValue = 4 << 10
)

// labels are the attributes whose text comes from messages.
var labels = []string{"uuid", "uuids", "task", "command", "channel", "on_duplicate", "logger"}

// clip shortens the values of a log line. The message itself may be a line of a
// task's output and is whole.
func clip(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.MessageKey {
		return a
	}
	limit := longestValue
	if slices.Contains(labels, a.Key) {
		limit = longestLabel
	}
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(shorten(a.Value.String(), limit))
	case slog.KindAny:
		switch v := a.Value.Any().(type) {
		case error:
			a.Value = slog.StringValue(shorten(v.Error(), limit))
		case []string:
			short := slices.Clone(v)
			for i, text := range short {
				short[i] = shorten(text, limit)
			}
			a.Value = slog.AnyValue(short)
		}
	}
	return a
}

// shorten cuts between characters.
func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}
