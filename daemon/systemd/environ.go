package systemd

import (
	"slices"
	"strings"
)

// Environ returns an environment without what the service manager says to this
// process alone: a child must not answer in its place (sd_notify(3), sd_listen_fds(3)), nor
// learn where credentials are (systemd.exec(5)).
func Environ(own []string) []string {
	return slices.DeleteFunc(slices.Clone(own), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return name == "NOTIFY_SOCKET" || name == "CREDENTIALS_DIRECTORY" || strings.HasPrefix(name, "LISTEN_") || strings.HasPrefix(name, "WATCHDOG_")
	})
}
