package process

import (
	"errors"
	"io"
	"os"
	"syscall"
)

const (
	firstBuffer = 4 << 10
	// keepBuffer is the largest buffer that is kept when it is empty again.
	keepBuffer = 64 << 10
)

// inbox reads frames from a worker's socket.
type inbox struct {
	file *os.File
	raw  syscall.RawConn
	buf  []byte // what was read and not yet handed out: buf[r:w]
	r, w int
	need int // size of the frame that begins at r, 0: unknown
}

func newInbox(file *os.File) (*inbox, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &inbox{file: file, raw: raw, buf: make([]byte, firstBuffer)}, nil
}

// next waits for a frame. Its body is valid until the next call.
func (in *inbox) next() (frame, error) {
	for {
		f, rest, need, err := cutFrame(in.buf[in.r:in.w])
		if err != nil {
			return frame{}, err
		}
		if f.kind != 0 {
			in.r = in.w - len(rest)
			return f, nil
		}
		in.need = need
		in.makeRoom()
		n, err := in.file.Read(in.buf[in.w:])
		if err != nil {
			return frame{}, err
		}
		in.w += n
	}
}

// rest returns a frame of those that have already arrived; io.EOF when there is
// none. It is for a worker that has ended.
func (in *inbox) rest() (frame, error) {
	for {
		f, rest, need, err := cutFrame(in.buf[in.r:in.w])
		if err != nil {
			return frame{}, err
		}
		if f.kind != 0 {
			in.r = in.w - len(rest)
			return f, nil
		}
		in.need = need
		in.makeRoom()
		n, err := in.readNow()
		if n <= 0 {
			return frame{}, errors.Join(io.EOF, err)
		}
		in.w += n
	}
}

// readNow reads without waiting.
func (in *inbox) readNow() (n int, err error) {
	ctlErr := in.raw.Control(func(fd uintptr) {
		n, err = ignoringEINTR(func() (int, error) { return syscall.Read(int(fd), in.buf[in.w:]) })
	})
	return n, errors.Join(ctlErr, err)
}

// makeRoom moves what is left to the front and grows for the frame to come.
func (in *inbox) makeRoom() {
	held := in.w - in.r
	switch size := max(in.need, firstBuffer); {
	case in.need > len(in.buf), held == 0 && len(in.buf) > keepBuffer && size <= keepBuffer:
		grown := make([]byte, size)
		copy(grown, in.buf[in.r:in.w])
		in.buf = grown
	case in.r > 0:
		copy(in.buf, in.buf[in.r:in.w])
	case in.w == len(in.buf):
		in.buf = append(in.buf, make([]byte, len(in.buf))...)
	}
	in.r, in.w = 0, held
}

func ignoringEINTR(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if err != syscall.EINTR {
			return n, err
		}
	}
}
