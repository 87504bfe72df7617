package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"unicode/utf8"
)

// maxFileBytes bounds the file. Real ones have a few kilobytes.
const maxFileBytes = 1 << 20

// read returns the text of the file, without a byte order mark.
func read(path string) ([]byte, *Problem) {
	f, err := open(path)
	if err != nil {
		return nil, &Problem{Want: err.Error()}
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	switch {
	case err != nil:
		return nil, &Problem{Want: unreadable(err).Error()}
	case len(text) > maxFileBytes:
		return nil, &Problem{Want: fmt.Sprintf("must be at most %d bytes", maxFileBytes), Value: "more"}
	}
	return bytes.TrimPrefix(text, []byte("\ufeff")), notUTF8(text)
}

// open knows a file that nobody named by the spelling that Find returns.
func open(path string) (*os.File, error) {
	if slices.Contains(localFiles, path) {
		return openTrusted(path, os.Geteuid())
	}
	return openRegular(path, 0)
}

// openTrusted opens the file of the current directory if its owner may be
// believed. A symbolic link is not followed: whoever made it chose the file.
func openTrusted(path string, euid int) (*os.File, error) {
	f, err := openRegular(path, syscall.O_NOFOLLOW)
	if errors.Is(err, syscall.ELOOP) {
		return nil, errors.New("is a symbolic link, which is followed only when the file is named: name it with --config")
	}
	if err != nil {
		return nil, err
	}
	if err := distrust(f, euid); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// openRegular opens a regular file. Anything else could hold the daemon up for
// ever; O_NONBLOCK is for opening a named pipe, see fifo(7).
func openRegular(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|flags, 0)
	if err != nil {
		return nil, unreadable(err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = errors.New("it is a directory")
	case !info.Mode().IsRegular():
		err = errors.New("it is not a regular file")
	default:
		return f, nil
	}
	_ = f.Close()
	return nil, unreadable(err)
}

// distrust says why a file that nobody named cannot be used. It asks the
// descriptor: a path could lead to another file by the time that it is read.
func distrust(f *os.File, euid int) error {
	info, err := f.Stat()
	if err != nil {
		return unreadable(err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("has no owner that could be checked: name it with --config")
	}
	if owner := int(stat.Uid); owner != euid && owner != 0 {
		return fmt.Errorf("belongs to uid %d, and unless it is named only a file of uid %d or root is used: name it with --config", owner, euid)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("can be written by others (mode %04o), and such a file is used only when it is named: take that away (chmod go-w) or name it with --config", mode)
	}
	return nil
}

// unreadable leaves out the path, which stands in front of each line already.
func unreadable(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return fmt.Errorf("cannot be read: %w", err)
}

func notUTF8(text []byte) *Problem {
	for rest, line := text, 1; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && size == 1:
			return &Problem{Line: line, Want: "must be UTF-8", Value: fmt.Sprintf("the byte 0x%02x", rest[0])}
		case r == '\n':
			line++
		}
		rest = rest[size:]
	}
	return nil
}
