package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	socketMode = 0o660 // the owner and the group may ask; nobody else
	lockWait   = 5 * time.Second
	probeWait  = time.Second
)

// socketFile is a listening socket and the file by which it is known.
type socketFile struct {
	path     string
	file     fs.FileInfo // as it was created: the inode is what makes it ours
	listener *net.UnixListener
}

// listen opens a socket at path. What is there already is replaced only when it is a socket that nobody listens on.
func listen(path string) (*socketFile, error) {
	if path == "" {
		return nil, errors.New("listen on the control socket: no path is configured")
	}
	if err := (Config{Path: path}).Validate(); err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	// One level only: a path with more missing is more likely to be a mistake.
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	unlock, err := lockDirectory(dir)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	defer unlock()
	if err := removeDead(path); err != nil {
		return nil, err
	}
	return bind(path)
}

// lockDirectory keeps two daemons that start at once from both finding the same dead socket. The lock is on the
// directory itself, so that no file stays behind; it is held while the socket is replaced, not longer.
func lockDirectory(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(lockWait); ; time.Sleep(10 * time.Millisecond) {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR || time.Now().After(end) {
			f.Close()
			return nil, fmt.Errorf("lock directory %s: %w", dir, err)
		}
	}
}

// removeDead removes a socket that nobody listens on, and refuses everything else that is in the way.
func removeDead(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listen on %s: %w", path, err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("listen on %s: the file that is there is not a socket; remove it or choose another path", path)
	}
	nc, err := net.DialTimeout("unix", path, probeWait)
	if err == nil {
		nc.Close()
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("replace the dead socket %s: %w", path, err)
		}
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil, errors.Is(err, syscall.EAGAIN), os.IsTimeout(err), errors.Is(err, syscall.EPROTOTYPE):
		return fmt.Errorf("another instance is listening on %s; stop it, or choose another path", path)
	default:
		return fmt.Errorf("listen on %s: ask whether the socket that is there is in use: %w", path, rootCause(err))
	}
}

// bind creates the socket with its final mode. At no moment is it more open than it should be, and the umask, which
// belongs to the whole process, is left alone.
func bind(path string) (*socketFile, error) {
	listener, err := bindPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, rootCause(err))
	}
	socket := &socketFile{path: path, listener: listener}
	if socket.file, err = os.Lstat(path); err == nil {
		err = os.Chmod(path, socketMode)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", path, rootCause(err)), socket.close())
	}
	return socket, nil
}

// bindPrivate creates a socket that only its owner may connect to: a socket file takes the mode that the socket had before it
// was bound, less the umask.
func bindPrivate(path string) (*net.UnixListener, error) {
	private := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var modeErr error
		err := raw.Control(func(fd uintptr) { modeErr = unix.Fchmod(int(fd), 0o600) })
		return errors.Join(err, modeErr)
	}}
	l, err := private.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	listener := l.(*net.UnixListener)
	listener.SetUnlinkOnClose(false)
	return listener, nil
}

// close removes the file if it is still ours, and stops listening. In this order: while the socket is listened on, no
// other daemon replaces it, so nobody else's file can appear between the look and the removal.
func (s *socketFile) close() error {
	var removeErr error
	if now, err := os.Lstat(s.path); err == nil && s.file != nil && os.SameFile(now, s.file) {
		removeErr = os.Remove(s.path)
	}
	closeErr := s.listener.Close()
	if errors.Is(closeErr, net.ErrClosed) {
		closeErr = nil
	}
	return errors.Join(removeErr, closeErr)
}

// rootCause strips what package net and os put before an error of the kernel: our own text names the path already.
func rootCause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
