package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Every file of the kernel's is read and written through the functions here.

// read returns what dir's file name holds.
func read(dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, cause(err))
	}
	return string(text), nil
}

// write puts text into dir's file name in one write(2), as the kernel wants it.
func write(dir, name, text string) error {
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("open %s to write %q: %w", path, text, cause(err))
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		return fmt.Errorf("write %q to %s: %w", text, path, cause(err))
	}
	return nil
}

// readPIDs returns the processes directly in dir.
func readPIDs(dir string) ([]int, error) {
	text, err := read(dir, "cgroup.procs")
	if err != nil {
		return nil, err
	}
	var pids []int
	for field := range strings.FieldsSeq(text) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("read %s/cgroup.procs: %q is not a pid", dir, field)
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

func writePID(dir string, pid int) error {
	return write(dir, "cgroup.procs", strconv.Itoa(pid))
}

// value finds a key in the "key number" lines of a flat-keyed file.
func value(text, key string) (int64, bool) {
	for line := range strings.Lines(text) {
		name, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == key {
			n, err := strconv.ParseInt(number, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// cause drops the path that os adds to an error: ours is in the message already.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// gone says that the cgroup was removed: its files are not there, or were open
// while it happened (ENODEV).
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV)
}
