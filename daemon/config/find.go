package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	fileVariable = "DISPATCHERD_CONFIG_FILE"
	localFile    = "./dispatcherd.toml"
	systemFile   = "/etc/dispatcherd/dispatcherd.toml"
)

// Find returns the path of the configuration file: the one asked for (the value
// of --config), else $DISPATCHERD_CONFIG_FILE, else ./dispatcherd.toml, else
// /etc/dispatcherd/dispatcherd.toml. A file that was named is not looked at.
// Nobody named the one in the current directory, and it says what will be
// executed: it must belong to the caller or to root and be writable by nobody
// else. If it is not, that is an error; if it is, Load makes sure again, of the
// file that it reads.
func Find(asked string) (string, error) {
	return search{
		asked: asked, variable: os.Getenv(fileVariable),
		local: localFile, system: systemFile, euid: os.Geteuid(),
	}.find()
}

// search is where one call of Find looks.
type search struct {
	asked, variable string
	local, system   string
	euid            int
}

func (s search) find() (string, error) {
	for _, named := range []string{s.asked, s.variable} {
		switch named {
		case "":
		case localFile:
			// Load takes that spelling for the file that nobody named.
			return filepath.Clean(named), nil
		default:
			return named, nil
		}
	}
	f, err := openTrusted(s.local, s.euid)
	if err == nil {
		return s.local, f.Close()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: %w", s.local, err)
	}
	if _, err := os.Stat(s.system); !errors.Is(err, fs.ErrNotExist) {
		return s.system, nil // if it cannot be read, Load says why
	}
	return "", fmt.Errorf("no configuration: --config is not given, %s is not set, and there is neither %s nor %s",
		fileVariable, s.local, s.system)
}
