package pgnotify

import (
	"os"
	"path/filepath"
	"strings"
)

// openPassfile returns the password file that would be read, if libpq would not read it because its group or others may;
// "" means that there is nothing against it, or no such file. named is the one that the settings name, if any.
func openPassfile(named string) string {
	path := passfile(named)
	info, err := os.Stat(path)
	if err != nil || info.Mode().IsRegular() && info.Mode().Perm()&0o077 == 0 {
		return ""
	}
	return path
}

// passfile returns where passwords are looked for: in the file that is named, else by the environment, or ~/.pgpass.
func passfile(named string) string {
	if named != "" {
		return named
	}
	if path := os.Getenv("PGPASSFILE"); path != "" {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".pgpass")
}

// withoutPassfile is conninfo with no password file at all.
func withoutPassfile(conninfo string) string {
	switch {
	case !strings.Contains(conninfo, "://"):
		return conninfo + " passfile=''"
	case strings.Contains(conninfo, "?"):
		return conninfo + "&passfile="
	}
	return conninfo + "?passfile="
}
