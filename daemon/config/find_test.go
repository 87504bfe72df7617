package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// place is a directory with a dispatcherd.toml, and a search that looks there.
func place(t *testing.T, mode fs.FileMode) search {
	t.Helper()
	dir := t.TempDir()
	s := search{local: []string{filepath.Join(dir, "dispatcherd.toml")}, system: filepath.Join(dir, "etc.toml"), euid: os.Geteuid()}
	if err := os.WriteFile(s.local[0], nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.local[0], mode); err != nil { // the umask does not count here
		t.Fatal(err)
	}
	return s
}

func TestWhatIsNamedComesFirst(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ asked, variable, want string }{
		{"a.toml", "b.toml", "a.toml"},
		{"", "b.toml", "b.toml"},
		{"./dispatcherd.toml", "", "dispatcherd.toml"}, // and not what Load takes for found
		{"", "./dispatcherd.toml", "dispatcherd.toml"},
	} {
		s := place(t, 0o600)
		s.asked, s.variable = tt.asked, tt.variable
		if got, err := s.find(); got != tt.want || err != nil {
			t.Errorf("find(%q, %q) = %q, %v, want %q", tt.asked, tt.variable, got, err, tt.want)
		}
	}
}

// Not parallel: it looks at the process's own directory and environment.
func TestUsualNameOfTheOriginalGivesWayToTheVariable(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, tt := range []struct{ asked, variable, want string }{
		{"dispatcher.yml", "/srv/b.yml", "/srv/b.yml"},
		{"./x/../dispatcher.yml", "/srv/b.yml", "/srv/b.yml"},
		{filepath.Join(dir, "dispatcher.yml"), "/srv/b.yml", "/srv/b.yml"},
		{"dispatcher.yml", "", "dispatcher.yml"},
		{"./dispatcher.yml", "", "dispatcher.yml"}, // and not what Load takes for found
		{"x/dispatcher.yml", "/srv/b.yml", "x/dispatcher.yml"},
		{"dispatcherd.toml", "/srv/b.yml", "dispatcherd.toml"},
		{"", "./dispatcher.yml", "dispatcher.yml"},
	} {
		t.Setenv(fileVariable, tt.variable)
		if got, err := Find(tt.asked); got != tt.want || err != nil {
			t.Errorf("Find(%q) with %q in the variable = %q, %v, want %q", tt.asked, tt.variable, got, err, tt.want)
		}
	}
}

// Not parallel: it looks at the process's own directory and environment.
func TestOriginalsFileOfTheDirectoryIsFound(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv(fileVariable, "")
	text := []byte("version: 2\nbrokers: {socket: {socket_path: d.sock}}\n")
	if err := os.WriteFile("dispatcher.yml", text, 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := Find("")
	if found != "./dispatcher.yml" || err != nil {
		t.Fatalf("Find() = %q, %v, want ./dispatcher.yml", found, err)
	}
	if c, err := Load(found); err != nil || c.Socket.Path != "d.sock" {
		t.Errorf("Load(%s) = %+v, %v, want its socket", found, c, err)
	}
	if err := os.Chmod("dispatcher.yml", 0o666); err != nil {
		t.Fatal(err)
	}
	for _, f := range []func() error{
		func() error { _, err := Find(""); return err },
		func() error { _, err := Load(found); return err },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), "can be written by others") {
			t.Errorf("a file that others may write: %v, want that", err)
		}
	}
	if err := os.WriteFile("dispatcherd.toml", []byte("version = 2\n"+socket), 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err := Find(""); found != "./dispatcherd.toml" || err != nil {
		t.Errorf("Find() = %q, %v, want our own file first", found, err)
	}
}

func TestFileOfTheDirectoryComesBeforeTheSystems(t *testing.T) {
	t.Parallel()
	s := place(t, 0o644)
	if err := os.WriteFile(s.system, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := s.find(); got != s.local[0] || err != nil {
		t.Errorf("find() = %q, %v, want %q", got, err, s.local[0])
	}
	if err := os.Remove(s.local[0]); err != nil {
		t.Fatal(err)
	}
	if got, err := s.find(); got != s.system || err != nil {
		t.Errorf("find() = %q, %v, want %q", got, err, s.system)
	}
}

func TestNoFileSaysWhereItLooked(t *testing.T) {
	t.Parallel()
	s := search{local: []string{filepath.Join(t.TempDir(), "a.toml"), filepath.Join(t.TempDir(), "a.yml")}, system: filepath.Join(t.TempDir(), "b.toml")}
	want := "no configuration: --config is not given, DISPATCHERD_CONFIG_FILE is not set, and there is neither " + s.local[0] + " nor " + s.local[1] + " nor " + s.system
	if _, err := s.find(); err == nil || err.Error() != want {
		t.Errorf("find() = %v, want %s", err, want)
	}
}

func TestFileThatOthersMayWriteIsRefused(t *testing.T) {
	t.Parallel()
	for mode, refused := range map[fs.FileMode]bool{
		0o400: false, 0o600: false, 0o644: false, 0o755: false, 0o620: true, 0o602: true, 0o666: true,
	} {
		s := place(t, mode)
		got, err := s.find()
		if !refused {
			if got != s.local[0] || err != nil {
				t.Errorf("mode %04o: find() = %q, %v, want %q", mode, got, err, s.local[0])
			}
			continue
		}
		want := s.local[0] + ": can be written by others (mode 0" + strconv.FormatInt(int64(mode), 8) +
			"), and such a file is used only when it is named: take that away (chmod go-w) or name it with --config"
		if err == nil || err.Error() != want {
			t.Errorf("mode %04o: find() = %q, %v, want %s", mode, got, err, want)
		}
	}
}

func TestOnlyTheCallersAndRootsFileIsUsed(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("giving a file to another user needs root: run this as root")
	}
	const caller, stranger = 54321, 54322
	for _, tt := range []struct {
		owner, euid int
		refused     bool
	}{
		{0, 0, false},
		{0, caller, false},
		{caller, caller, false},
		{stranger, caller, true},
		{stranger, 0, true},
	} {
		s := place(t, 0o600)
		s.euid = tt.euid
		if err := os.Chown(s.local[0], tt.owner, 0); err != nil {
			t.Fatal(err)
		}
		got, err := s.find()
		if !tt.refused {
			if got != s.local[0] || err != nil {
				t.Errorf("owner %d, caller %d: find() = %q, %v, want %q", tt.owner, tt.euid, got, err, s.local[0])
			}
			continue
		}
		want := s.local[0] + ": belongs to uid " + strconv.Itoa(tt.owner) + ", and unless it is named only a file of uid " +
			strconv.Itoa(tt.euid) + " or root is used: name it with --config"
		if err == nil || err.Error() != want {
			t.Errorf("owner %d, caller %d: find() = %q, %v, want %s", tt.owner, tt.euid, got, err, want)
		}
	}
}

func TestLinkInTheDirectoryIsNotFollowed(t *testing.T) {
	t.Parallel()
	s := place(t, 0o600)
	target := s.local[0]
	s.local[0] = filepath.Join(t.TempDir(), "dispatcherd.toml")
	if err := os.Symlink(target, s.local[0]); err != nil {
		t.Fatal(err)
	}
	want := s.local[0] + ": is a symbolic link, which is followed only when the file is named: name it with --config"
	if _, err := s.find(); err == nil || err.Error() != want {
		t.Errorf("find() = %v, want %s", err, want)
	}
}

func TestOtherThingsOfThatNameAreRefused(t *testing.T) {
	t.Parallel()
	s := place(t, 0o600)
	s.local[0] += ".pipe"
	if err := syscall.Mkfifo(s.local[0], 0o600); err != nil {
		t.Fatal(err)
	}
	want := s.local[0] + ": cannot be read: it is not a regular file"
	if _, err := s.find(); err == nil || err.Error() != want {
		t.Errorf("find() = %v, want %s", err, want)
	}
}

// Not parallel: the two look at the process's own directory and environment.
func TestLoadAsksForTheOwnerAgain(t *testing.T) {
	s := place(t, 0o600)
	t.Chdir(filepath.Dir(s.local[0]))
	t.Setenv(fileVariable, "")
	found, err := Find("")
	if found != localFiles[0] || err != nil {
		t.Fatalf("Find() = %q, %v, want %q", found, err, localFiles[0])
	}
	if err := os.WriteFile(s.local[0], []byte("version = 2\n"+socket), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(found); err != nil {
		t.Errorf("Load(%s) = %v, want no error", found, err)
	}
	if err := os.Chmod(s.local[0], 0o666); err != nil { // between Find and Load
		t.Fatal(err)
	}
	if _, err := Load(found); err == nil || !strings.Contains(err.Error(), "can be written by others") {
		t.Errorf("Load(%s) = %v, want that it can be written by others", found, err)
	}
	named, err := Find("./dispatcherd.toml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(named); err != nil {
		t.Errorf("Load(%s) = %v: it was named, so its owner does not count", named, err)
	}
}

func TestVariableNamesTheFile(t *testing.T) {
	t.Setenv(fileVariable, "/srv/x.toml")
	if got, err := Find(""); got != "/srv/x.toml" || err != nil {
		t.Errorf("Find() = %q, %v, want what %s says", got, err, fileVariable)
	}
}
