package journal

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// DefaultSocket is where journald takes native entries.
	DefaultSocket = "/run/systemd/journal/socket"
	// sendBound is how long an entry may wait for room: a journal that is merely busy
	// slows down who writes, and one that is stuck must not hold them for ever.
	sendBound = time.Second
)

// socket sends entries to the journal. It is connected, unlike the one in go-systemd's
// Send: only then does the kernel tell when there is room again after the journal's
// queue was full.
type socket struct {
	path string
	conn *net.UnixConn // nil before the first entry, and after an error
}

// send sends an entry, over a new connection if the one that there was is of no use.
func (s *socket) send(entry []byte) error {
	if s.conn != nil {
		err := s.write(entry)
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		s.close() // another journald may have bound the path meanwhile
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.path, Net: "unixgram"})
	if err != nil {
		return err
	}
	s.conn = conn
	if err := s.write(entry); err != nil {
		s.close()
		return err
	}
	return nil
}

func (s *socket) close() {
	_ = s.conn.Close() // nothing waits in it
	s.conn = nil
}

// write sends an entry as one datagram, or, when it is too long for that, as a file.
func (s *socket) write(entry []byte) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(sendBound)); err != nil {
		return err
	}
	_, err := s.conn.Write(entry)
	if errors.Is(err, unix.EMSGSIZE) || errors.Is(err, unix.ENOBUFS) {
		return s.writeFile(entry)
	}
	return err
}

// writeFile sends an entry as a sealed memory file, whose descriptor is all that the
// datagram holds.
func (s *socket) writeFile(entry []byte) error {
	fd, err := unix.MemfdCreate("journal-entry", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return fmt.Errorf("memory for a long entry: %w", err)
	}
	file := os.NewFile(uintptr(fd), "journal-entry")
	defer file.Close()
	if _, err := file.Write(entry); err != nil {
		return err
	}
	// journald reads no file that could still change under it.
	const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("seal a long entry: %w", err)
	}
	return s.pass(fd)
}

// pass sends a descriptor. (*net.UnixConn).WriteMsgUnix refuses a connected socket.
func (s *socket) pass(fd int) error {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Write(func(to uintptr) bool {
		for failed = unix.EINTR; failed == unix.EINTR; {
			failed = unix.Sendmsg(int(to), nil, unix.UnixRights(fd), nil, unix.MSG_NOSIGNAL)
		}
		return failed != unix.EAGAIN
	})
	return errors.Join(err, failed)
}
