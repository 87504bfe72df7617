package process

import (
	"os"
	"sync"
	"syscall"
)

// outbox writes frames to a worker's socket without making the caller wait: what
// the socket does not take at once is written by a goroutine of its own.
type outbox struct {
	file *os.File
	raw  syscall.RawConn
	wait sync.WaitGroup // the goroutine that writes pending

	mu      sync.Mutex // guards the fields below
	scratch []byte     // reused for each frame
	pending []byte     // what is still to be written; the goroutine runs while it is not empty
	err     error      // the first write that failed; nothing is written after it
}

func newOutbox(file *os.File) (*outbox, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &outbox{file: file, raw: raw}, nil
}

// put writes f, or takes it to be written behind what is pending.
func (out *outbox) put(f frame) error {
	out.mu.Lock()
	defer out.mu.Unlock()
	if out.err != nil {
		return out.err
	}
	if len(out.pending) > 0 {
		out.pending = appendFrame(out.pending, f)
		return nil
	}
	out.scratch = appendFrame(out.scratch[:0], f)
	n, err := out.writeNow(out.scratch)
	if err != nil {
		out.err = err
		return err
	}
	if n < len(out.scratch) {
		out.pending = append(out.pending, out.scratch[n:]...)
		out.wait.Go(out.flush)
	}
	if cap(out.scratch) > keepBuffer {
		out.scratch = nil
	}
	return nil
}

// writeNow writes what the socket takes without waiting.
func (out *outbox) writeNow(b []byte) (n int, err error) {
	ctlErr := out.raw.Control(func(fd uintptr) {
		n, err = ignoringEINTR(func() (int, error) {
			return syscall.SendmsgN(int(fd), b, nil, nil, syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL)
		})
	})
	if ctlErr != nil {
		return 0, ctlErr
	}
	if err == syscall.EAGAIN {
		return 0, nil
	}
	return max(n, 0), err
}

// flush writes what is pending until nothing is, or the socket is closed.
func (out *outbox) flush() {
	out.mu.Lock()
	defer out.mu.Unlock()
	for len(out.pending) > 0 && out.err == nil {
		chunk := out.pending
		out.mu.Unlock()
		_, err := out.file.Write(chunk)
		out.mu.Lock()
		// put may have moved pending elsewhere, but what it holds begins with chunk.
		out.pending = out.pending[len(chunk):]
		out.err = err
	}
	out.pending = nil
}
