package supervisor

import (
	"maps"
	"slices"
	"strings"
)

// environ returns the fork server's environment: the supervisor's own, less
// what the service manager says to the supervisor alone, plus what the spec adds.
func environ(own []string, added map[string]string) []string {
	env := map[string]string{}
	for _, entry := range own {
		if name, value, ok := strings.Cut(entry, "="); ok && !Reserved(name) {
			env[name] = value
		}
	}
	maps.Copy(env, added)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

// Reserved says whether an environment variable is from systemd to its service
// alone (systemd.exec(5)): workers do not inherit it and cannot be given it.
func Reserved(name string) bool {
	switch name {
	case "NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "JOURNAL_STREAM":
		return true
	}
	return strings.HasPrefix(name, "LISTEN_") || strings.HasPrefix(name, "WATCHDOG_")
}
