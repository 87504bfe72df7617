package python

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed boot.py dispatcherd_worker/*.py dispatcherd/*.py dispatcherd/*/*.py
var files embed.FS

// entry is what the interpreter is started with.
const entry = "boot.py"

// Install writes the Python files below dir, into a folder that is named for
// what they hold, and returns the path of the file that starts the fork server.
// An installation that is already there is used as it is. The files can be read
// by every user; dir must be one that only trusted users can write to.
func Install(dir string) (string, error) {
	name, err := version()
	if err != nil {
		return "", err
	}
	target := filepath.Join(dir, name)
	if _, err := os.Stat(filepath.Join(target, entry)); err == nil {
		return filepath.Join(target, entry), nil
	}
	fresh, err := os.MkdirTemp(dir, name+".")
	if err != nil {
		return "", fmt.Errorf("install the python files: %w", err)
	}
	defer os.RemoveAll(fresh) // nothing is left of it once it has been renamed
	if err := write(fresh); err != nil {
		return "", fmt.Errorf("install the python files: %w", err)
	}
	// A rename makes the whole of it appear at once; another process may be first.
	if err := os.Rename(fresh, target); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("install the python files: %w", err)
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

func write(dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	return eachFile(func(path string, text []byte) error {
		to := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, text, 0o644); err != nil {
			return err
		}
		return os.Chmod(to, 0o644) // whatever the umask is
	})
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
