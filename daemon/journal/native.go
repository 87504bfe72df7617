package journal

import (
	"log/slog"
	"time"
)

// retryAfter is how long nothing is sent to a journal that has refused an entry.
const retryAfter = 5 * time.Second

// native writes entries of the journal, and lines on standard error while the journal
// takes none.
type native struct {
	socket   socket
	plain    output
	flood    flood
	entry    []byte    // the last one, for its memory
	retry    time.Time // when the journal is tried again
	diverted int       // lines that went to plain since it refused one
}

// keepEntry is the largest entry whose memory is kept.
const keepEntry = 64 << 10

// write sends a line to the journal, unless it is one of a flood.
func (n *native) write(l *line) error {
	if dropped := n.flood.turn(time.Now()); dropped > 0 {
		if err := n.pass(ebbed(dropped)); err != nil {
			return err
		}
	}
	if l.spoken {
		written, first := n.flood.take()
		if first {
			return n.pass(flooded(l))
		}
		if !written {
			return nil
		}
	}
	return n.pass(l)
}

// pass sends a line to the journal, or where it can be read instead.
func (n *native) pass(l *line) error {
	now := time.Now()
	if n.diverted > 0 && now.Before(n.retry) {
		n.diverted++
		return n.plain.write(l)
	}
	if err := n.send(l); err != nil {
		if n.diverted == 0 {
			_ = n.plain.write(remark(slog.LevelError, "the journal takes no entries, so they are written here: "+err.Error())) // the line itself comes next
		}
		n.diverted++
		n.retry = time.Now().Add(retryAfter)
		return n.plain.write(l)
	}
	if n.diverted > 0 {
		count := n.diverted
		n.diverted = 0
		back := remark(slog.LevelWarn, "the journal takes entries again; some before this one are lines of standard error")
		back.attrs = slog.Int("count", count).String()
		return n.send(back)
	}
	return nil
}

func (n *native) send(l *line) error {
	if cap(n.entry) > keepEntry {
		n.entry = nil
	}
	n.entry = appendEntry(n.entry[:0], l)
	return n.socket.send(n.entry)
}

// remark is a line about the log itself.
func remark(level slog.Level, text string) *line {
	return &line{
		record: slog.NewRecord(time.Now(), level, text, 0), part: "journal",
		fields: []field{{fieldNames[partKey], "journal"}},
	}
}
