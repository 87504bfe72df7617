package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	fileVariable = "DISPATCHERD_CONFIG_FILE"
	systemFile   = "/etc/dispatcherd/dispatcherd.toml"
	originalFile = "dispatcher.yml" // what the Python original's --config is by default
)

// localFiles are looked for in the current directory.
var localFiles = []string{"./dispatcherd.toml", "./" + originalFile}

// Find returns the path of the configuration file: the one asked for (the value
// of --config), else $DISPATCHERD_CONFIG_FILE, else ./dispatcherd.toml, else
// ./dispatcher.yml, else /etc/dispatcherd/dispatcherd.toml. A file that was named is not
// looked at. Nobody named the one in the current directory, and it says what will be
// executed: it must belong to the caller or to root and be writable by nobody
// else. If it is not, that is an error; if it is, Load makes sure again, of the
// file that it reads.
//
// Asked for dispatcher.yml of the current directory, it prefers the variable: for the
// original that is the same as not to ask, and its users' scripts may do it.
func Find(asked string) (string, error) {
	return search{
		asked: asked, variable: os.Getenv(fileVariable),
		local: localFiles, system: systemFile, euid: os.Geteuid(),
	}.find()
}

// search is where one call of Find looks.
type search struct {
	asked, variable string
	local           []string
	system          string
	euid            int
}

func (s search) find() (string, error) {
	if named := s.named(); slices.Contains(localFiles, named) {
		// Load takes that spelling for a file that nobody named.
		return filepath.Clean(named), nil
	} else if named != "" {
		return named, nil
	}
	for _, local := range s.local {
		f, err := openTrusted(local, s.euid)
		if err == nil {
			return local, f.Close()
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%s: %w", local, err)
		}
	}
	if _, err := os.Stat(s.system); !errors.Is(err, fs.ErrNotExist) {
		return s.system, nil // if it cannot be read, Load says why
	}
	return "", fmt.Errorf("no configuration: --config is not given, %s is not set, and there is neither %s nor %s",
		fileVariable, strings.Join(s.local, " nor "), s.system)
}

// named returns the file that somebody named, if there is one.
func (s search) named() string {
	if s.asked != "" && s.variable != "" {
		asked, err := filepath.Abs(s.asked)
		if usual, e := filepath.Abs(originalFile); err == nil && e == nil && asked == usual {
			return s.variable
		}
	}
	return cmp.Or(s.asked, s.variable)
}
