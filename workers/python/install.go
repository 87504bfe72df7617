package python

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed boot.py dispatcherd_worker/*.py dispatcherd/*.py dispatcherd/*/*.py dispatcherd/*/*/*.py
var files embed.FS

// entry is what the interpreter is started with.
const entry = "boot.py"

// Install writes the Python files below dir, into a folder that is named for
// what they hold, and returns the path of the file that starts the fork server.
// An installation that is already there is used if it is whole, otherwise
// replaced. The files can be read by every user; dir must exist, and be one that
// only trusted users can write to. Several processes may install at once.
func Install(dir string) (string, error) {
	name, err := version()
	if err != nil {
		return "", err
	}
	target := filepath.Join(dir, name)
	if !whole(target) {
		if err := replace(target); err != nil {
			return "", fmt.Errorf("install the Python files in %s: %w", dir, err)
		}
	}
	return filepath.Join(target, entry), nil
}

// version is a hash of every file's name and text.
func version() (string, error) {
	hash := sha256.New()
	err := eachFile(func(path string, text []byte) error {
		_, err := fmt.Fprintf(hash, "%s %d\n%s", path, len(text), text)
		return err
	})
	return "python-" + hex.EncodeToString(hash.Sum(nil))[:16], err
}

// whole tells whether every file is there as it should be: what cleans
// temporary directories removes old files one by one.
func whole(target string) bool {
	return eachFile(func(path string, text []byte) error {
		there, err := os.ReadFile(filepath.Join(target, path))
		if err == nil && !bytes.Equal(there, text) {
			err = errors.New("differs")
		}
		return err
	}) == nil
}

// replace writes the files beside target and moves them there by a rename, so
// that nobody sees half of them.
func replace(target string) error {
	work, err := os.MkdirTemp(filepath.Dir(target), filepath.Base(target)+".")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work) // what is left in it is of no use to anybody
	fresh := filepath.Join(work, "fresh")
	if err := write(fresh); err != nil {
		return err
	}
	err = os.Rename(fresh, target)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if whole(target) {
		return nil // another process was first
	}
	if err := os.Rename(target, filepath.Join(work, "damaged")); err != nil {
		return err
	}
	return os.Rename(fresh, target)
}

func write(dir string) error {
	return eachFile(func(path string, text []byte) error {
		to := filepath.Join(dir, path)
		if err := makeDir(filepath.Dir(to)); err != nil {
			return err
		}
		if err := os.WriteFile(to, text, 0o644); err != nil {
			return err
		}
		return os.Chmod(to, 0o644) // whatever the umask is
	})
}

// makeDir makes a directory that all may read, whatever the umask is. Its
// parent is there: a folder's files come before the folders in it.
func makeDir(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	return os.Chmod(dir, 0o755)
}

func eachFile(visit func(path string, text []byte) error) error {
	return fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		return visit(path, text)
	})
}
