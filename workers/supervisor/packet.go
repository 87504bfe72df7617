package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// maxPacket bounds what is received: the largest spec, and its wrapping.
	maxPacket = maxSpec + 32<<10
	// maxFiles bounds the descriptors of one packet.
	maxFiles = 8
)

// writePacket sends v as JSON together with files, which stay the caller's.
func writePacket(raw *net.UnixConn, v any, files []*os.File) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode packet: %w", err)
	}
	if len(text) > maxPacket {
		return fmt.Errorf("send packet: must be at most %d bytes, got %d", maxPacket, len(text))
	}
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = rawFD(f)
		}
		rights = unix.UnixRights(fds...)
	}
	if _, _, err := raw.WriteMsgUnix(text, rights, nil); err != nil {
		return fmt.Errorf("send packet: %w", err)
	}
	return nil
}

// rawFD returns f's descriptor without making it blocking, as f.Fd may.
func rawFD(f *os.File) int {
	fd := -1
	if conn, err := f.SyscallConn(); err == nil {
		conn.Control(func(raw uintptr) { fd = int(raw) }) // a closed file leaves -1, which the kernel refuses
	}
	return fd
}

// reader receives packets; one goroutine may use it.
type reader struct {
	raw    *net.UnixConn
	buf    []byte
	rights []byte
}

func newReader(raw *net.UnixConn) *reader {
	return &reader{raw: raw, buf: make([]byte, maxPacket), rights: make([]byte, unix.CmsgSpace(4*maxFiles))}
}

// read waits for a packet, decodes it into v and returns the files that came
// with it. They are close-on-exec: net asks for MSG_CMSG_CLOEXEC.
func (r *reader) read(v any) ([]*os.File, error) {
	n, rights, flags, _, err := r.raw.ReadMsgUnix(r.buf, r.rights)
	if err != nil {
		return nil, err
	}
	files, err := filesOf(r.rights[:rights])
	if err == nil && flags&(syscall.MSG_TRUNC|syscall.MSG_CTRUNC) != 0 {
		err = fmt.Errorf("receive packet: more than %d bytes or %d descriptors", maxPacket, maxFiles)
	}
	if err == nil {
		if err = json.Unmarshal(r.buf[:n], v); err != nil {
			err = fmt.Errorf("decode packet: %w", err)
		}
	}
	if err != nil {
		closeAll(files)
		return nil, err
	}
	return files, nil
}

func filesOf(rights []byte) ([]*os.File, error) {
	if len(rights) == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil, fmt.Errorf("receive descriptors: %w", err)
	}
	var files []*os.File
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if errors.Is(err, unix.EINVAL) {
			continue // another kind of ancillary data
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// duplicate returns descriptors of the same open files.
func duplicate(files ...*os.File) ([]*os.File, error) {
	var copies []*os.File
	for _, f := range files {
		fd, err := unix.FcntlInt(uintptr(rawFD(f)), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			closeAll(copies)
			return nil, fmt.Errorf("duplicate descriptor of %s: %w", f.Name(), err)
		}
		copies = append(copies, os.NewFile(uintptr(fd), f.Name()))
	}
	return copies, nil
}

// pair returns the two ends of a socket, the first one nonblocking.
func pair(kind int) (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make socket pair: %w", err)
	}
	return nonblocking(fds[0], "socket"), os.NewFile(uintptr(fds[1]), "socket"), nil
}

// pipe returns a nonblocking read end and a blocking write end.
func pipe(name string) (r, w *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, fmt.Errorf("make pipe: %w", err)
	}
	return nonblocking(fds[0], name), os.NewFile(uintptr(fds[1]), name), nil
}

// nonblocking hands fd to the runtime's poller, so that deadlines and Close
// reach a goroutine that reads from it.
func nonblocking(fd int, name string) *os.File {
	unix.SetNonblock(fd, true) // fails for a bad descriptor only, and then so does every use of it
	return os.NewFile(uintptr(fd), name)
}
