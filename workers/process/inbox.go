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
func (in *inbox) next() (frame, error) { return in.frame(in.file.Read) }

// rest returns a frame of those that have already arrived; io.EOF when there is
// none. It is for a worker that has ended.
func (in *inbox) rest() (frame, error) { return in.frame(in.readNow) }

// partial says whether a frame has begun to arrive.
func (in *inbox) partial() bool { return in.w > in.r }

// frame hands out the next frame and reads as long as it is not complete.
func (in *inbox) frame(read func([]byte) (int, error)) (frame, error) {
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
		n, err := read(in.buf[in.w:])
		if err != nil {
			return frame{}, err
		}
		in.w += n
	}
}

// readNow reads without waiting; io.EOF when there is nothing.
func (in *inbox) readNow(b []byte) (n int, err error) {
	ctlErr := in.raw.Control(func(fd uintptr) {
		n, err = ignoringEINTR(func() (int, error) { return syscall.Read(int(fd), b) })
	})
	if err = errors.Join(ctlErr, err); n > 0 && err == nil {
		return n, nil
	}
	return 0, errors.Join(io.EOF, err)
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
