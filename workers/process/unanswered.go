package process

import (
	"errors"
	"os"
	"syscall"
)

// noRequest is the number of a reply that tells a worker that the request it waits with will not
// be answered. Requests are numbered from 1.
const noRequest = 0

// peekSize is more than a unix socket holds.
const peekSize = 1 << 20

// disown tells a worker of an earlier daemon that this one knows nothing of a request that it may
// wait with. One that still waits to be read is this daemon's to answer, and since a worker makes
// one request at a time, no other is open then.
func (p *Process) disown() error {
	unread, err := holdsRequest(p.launched.Socket)
	if err != nil || unread {
		return err
	}
	return p.out.put(frame{kind: replyFrame, seq: noRequest})
}

// holdsRequest looks for a request among what waits to be read on a socket, and takes nothing out.
func holdsRequest(socket *os.File) (bool, error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return false, err
	}
	waiting := make([]byte, peekSize)
	var n int
	var failed error
	err = raw.Control(func(fd uintptr) {
		n, failed = ignoringEINTR(func() (int, error) {
			n, _, err := syscall.Recvfrom(int(fd), waiting, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			return n, err
		})
	})
	if failed == syscall.EAGAIN {
		failed, n = nil, 0
	}
	if err = errors.Join(err, failed); err != nil {
		return false, err
	}
	for rest := waiting[:n]; ; {
		f, more, _, err := cutFrame(rest)
		switch {
		case err != nil: // whoever reads it says what is wrong
			return false, nil
		case f.kind == requestFrame:
			return true, nil
		case f.kind == 0: // the last one, of which the worker may still write
			return len(rest) >= headerSize && rest[4] == requestFrame, nil
		}
		rest = more
	}
}
