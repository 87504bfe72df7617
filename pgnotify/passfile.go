package pgnotify

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// openPassfile returns the password file that would be read, if libpq would not read it because its group or others may;
// "" means that there is nothing against it, or no such file.
func openPassfile(conninfo string) string {
	path := passfile(conninfo)
	info, err := os.Stat(path)
	if err != nil || info.Mode().IsRegular() && info.Mode().Perm()&0o077 == 0 {
		return ""
	}
	return path
}

// passfile returns where passwords are looked for: in the file that conninfo names, the environment, or ~/.pgpass.
func passfile(conninfo string) string {
	// pgx keeps the keyword for itself; one that it does not know it hands on.
	const unknown = "dispatcherd_passfile"
	if parsed, err := pgx.ParseConfig(strings.ReplaceAll(conninfo, "passfile", unknown)); err == nil && parsed.RuntimeParams[unknown] != "" {
		return parsed.RuntimeParams[unknown]
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
