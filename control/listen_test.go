package control

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// deadSocket leaves a socket at path that nobody listens on, as a daemon does that was killed.
func deadSocket(t *testing.T, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
}

func TestSocketIsForTheOwnerAndTheGroup(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	s, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("mode = %v, %v, want %v", info.Mode(), err, fs.ModeSocket|0o660)
	}
}

func TestSocketBeginsPrivate(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	l, err := bindPrivate(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("mode = %v, %v, want %v", info.Mode(), err, fs.ModeSocket|0o600)
	}
}

func TestLiveSocketIsNotStolen(t *testing.T) {
	t.Parallel()
	s := start(t, echo)
	_, err := listen(s.path)
	if want := "another instance is listening on " + s.path + "; stop it, or choose another path"; err == nil || err.Error() != want {
		t.Errorf("listen = %v, want %s", err, want)
	}
	s.stillServes(t)
}

func TestSocketOfAnotherKindIsNotStolen(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	other, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := listen(path); err == nil || !strings.Contains(err.Error(), "another instance is listening on "+path) {
		t.Errorf("listen on a datagram socket = %v, want an error", err)
	}
}

func TestDeadSocketIsReplaced(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	deadSocket(t, path)
	s, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("connect to the replaced socket: %v", err)
	}
	nc.Close()
}

func TestWhatIsNoSocketIsLeftAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]func(path string) error{
		"file":      func(path string) error { return os.WriteFile(path, []byte("precious"), 0o600) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"link":      func(path string) error { return os.Symlink("/dev/null", path) },
	}
	for name, create := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := socketPath(t)
			if err := create(path); err != nil {
				t.Fatal(err)
			}
			before, _ := os.Lstat(path)
			_, err := listen(path)
			if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "not a socket") {
				t.Errorf("listen = %v, want that %s is not a socket", err, path)
			}
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
				t.Errorf("Lstat after listen = %v, want the same file as before", err)
			}
		})
	}
}

func TestSocketOfAnotherIsNotDeletedAtStop(t *testing.T) {
	t.Parallel()
	s := start(t, echo)
	if err := os.Remove(s.path); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("unix", s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	s.stop()
	nc, err := net.Dial("unix", s.path)
	if err != nil {
		t.Fatalf("connect to the other's socket: %v", err)
	}
	nc.Close()
}

func TestSocketThatWasDeletedIsNoErrorAtStop(t *testing.T) {
	t.Parallel()
	s := start(t, echo)
	if err := os.Remove(s.path); err != nil {
		t.Fatal(err)
	}
	s.stop()
}

func TestOneOfManyStartersGetsTheSocket(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	deadSocket(t, path)
	const starters = 20
	results := make(chan error, starters)
	var wg sync.WaitGroup
	var winners sync.Map
	for i := range starters {
		wg.Go(func() {
			s, err := listen(path)
			if err == nil {
				winners.Store(i, s)
			}
			results <- err
		})
	}
	wg.Wait()
	close(results)
	won := 0
	for err := range results {
		if err == nil {
			won++
		} else if !strings.Contains(err.Error(), "another instance is listening") {
			t.Errorf("listen = %v, want that another instance listens", err)
		}
	}
	if won != 1 {
		t.Errorf("%d starters got the socket, want 1", won)
	}
	winners.Range(func(_, s any) bool { s.(*socketFile).close(); return true })
}

func TestOneMissingDirectoryIsCreated(t *testing.T) {
	t.Parallel()
	base := filepath.Dir(socketPath(t))
	s, err := listen(filepath.Join(base, "run", "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if info, err := os.Stat(filepath.Join(base, "run")); err != nil || info.Mode().Perm()&0o022 != 0 {
		t.Errorf("directory: %v, %v, want one that others cannot write to", info.Mode(), err)
	}
	path := filepath.Join(base, "a", "b", "s")
	if _, err := listen(path); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("listen two levels down = %v, want an error with the path", err)
	}
}

func TestPathsThatCannotBeListenedOn(t *testing.T) {
	t.Parallel()
	tests := []struct{ path, want string }{
		{"", "no path is configured"},
		{"/run/" + strings.Repeat("x", 103), "must be at most 107 bytes, the limit of unix(7), got 108"},
		{"@abstract", `must be a path in the file system, got the abstract name "@abstract"`},
		{"/run/x/", `must name a socket, got a directory "/run/x/"`},
		{"/run/a\x00b", "must be a path without zero bytes"},
		{"/proc/sys/s", "listen on /proc/sys/s: "},
	}
	for _, tt := range tests {
		if err := NewServer(Config{Path: tt.path}, echo, nil).Listen(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Listen(%q) = %v, want %s", tt.path, err, tt.want)
		}
	}
}

func TestLongestPathIsListenedOn(t *testing.T) {
	t.Parallel()
	dir := filepath.Dir(socketPath(t))
	path := filepath.Join(dir, strings.Repeat("x", maxPathBytes-len(dir)-1))
	if err := (Config{Path: path}).Validate(); err != nil {
		t.Fatal(err)
	}
	s, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s.close()
}

func TestCloseGivesUpASocketThatWasNotServed(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	s := NewServer(Config{Path: path}, echo, nil)
	if err := s.Close(); err != nil {
		t.Errorf("Close before Listen = %v, want nil", err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Errorf("Close twice = %v, want nil", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Lstat = %v, want that the socket is gone", err)
	}
}

func TestDefaultConfigIsValidAndHasNoSocket(t *testing.T) {
	t.Parallel()
	if c := DefaultConfig(); c.Path != "" || c.Validate() != nil {
		t.Errorf("DefaultConfig = %+v, Validate = %v, want no path and nil", c, c.Validate())
	}
}

func TestRunListensByItself(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := NewServer(Config{Path: path}, echo, nil)
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("Run = %v, want that %s is not a socket", err, path)
	}
}
