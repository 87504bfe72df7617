package supervisor

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
)

const (
	// outputLine bounds a line of the fork server's output in the log, in bytes.
	outputLine = 4096
	// heldLines bounds the lines that are held back: the last ones are kept.
	heldLines = 200
)

// forkOutput logs what the fork server writes. It may hold that back until it is
// known whether it is news.
type forkOutput struct {
	log *slog.Logger

	mu      sync.Mutex // guards the fields below, and is held while logging to keep the order
	holding bool
	held    []outputEntry
}

type outputEntry struct {
	level slog.Level
	text  string
}

// follow logs what comes from file, line by line.
func (o *forkOutput) follow(ctx context.Context, file *os.File, level slog.Level, also io.Writer) {
	lines := bufio.NewReaderSize(file, outputLine)
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			also.Write(line) // a tail takes everything
			o.add(ctx, outputEntry{level, strings.ToValidUTF8(strings.TrimRight(string(line), "\r\n"), "\ufffd")})
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (o *forkOutput) add(ctx context.Context, e outputEntry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.holding {
		o.write(ctx, e)
		return
	}
	if len(o.held) == heldLines {
		o.held = o.held[1:]
	}
	o.held = append(o.held, e)
}

// release logs what was held back; from here on nothing is.
func (o *forkOutput) release(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.held {
		o.write(ctx, e)
	}
	o.holding, o.held = false, nil
}

func (o *forkOutput) write(ctx context.Context, e outputEntry) {
	o.log.Log(ctx, e.level, "fork server wrote", "line", e.text)
}
