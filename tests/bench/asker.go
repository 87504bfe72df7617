package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"regexp"
	"time"

	"dispatcherd/control"
)

// asker sends control requests and waits for the last line of each reply. It reads no more of it than tells that
// line: what the service takes is measured, on the same CPUs, and not what a client makes of it.
type asker struct {
	nc    net.Conn
	lines *bufio.Reader
}

// longestLine is that of a reply in one line; longer ones come in parts.
const longestLine = 1 << 20

func (s *service) asker(ctx context.Context) (*asker, error) {
	nc, err := (&net.Dialer{}).DialContext(ctx, "unix", s.socket)
	if err != nil {
		return nil, err
	}
	return &asker{nc: nc, lines: bufio.NewReaderSize(nc, longestLine)}, nil
}

func (a *asker) close() { _ = a.nc.Close() } // it has nothing left to send

// ask returns when all of the reply has come.
func (a *asker) ask(command string) error {
	if err := a.nc.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if _, err := a.nc.Write(append(control.Request{Command: command}.Encode("bench"), '\n')); err != nil {
		return err
	}
	for {
		line, err := a.lines.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("reply to %s: %w", command, err)
		}
		if isLast(line) {
			return nil
		}
	}
}

// part is the beginning of a line that is a part of a reply, with its index and the number of parts.
var part = regexp.MustCompile(`^\{"__dispatcherd_chunk__": ?"v1", ?"message_id": ?"[^"]*", ?"index": ?(\d+), ?"total": ?(\d+),`)

// isLast says whether a line ends a reply. The parts come in order.
func isLast(line []byte) bool {
	m := part.FindSubmatch(line[:min(len(line), 200)])
	if m == nil {
		return true
	}
	var index, total int
	_, err := fmt.Sscan(string(m[1])+" "+string(m[2]), &index, &total)
	return err != nil || index+1 >= total
}
