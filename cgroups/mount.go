package cgroups

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// locate returns the directory of the cgroup v2 group that pid is in, on a
// system with cgroup v2 alone as well as on one that has both versions.
func locate(proc string, pid int) (string, error) {
	text, err := read(filepath.Join(proc, strconv.Itoa(pid)), "cgroup")
	if err != nil {
		return "", err
	}
	group, err := ownGroup(text)
	if err != nil {
		return "", err
	}
	mounts, err := read(filepath.Join(proc, "self"), "mountinfo")
	if err != nil {
		return "", err
	}
	return below(mounts, group)
}

// ownGroup takes the v2 group from the text of /proc/PID/cgroup: the line
// "0::/path" (cgroups(7)).
func ownGroup(text string) (string, error) {
	for line := range strings.Lines(text) {
		group, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "0::")
		if !ok {
			continue
		}
		// Both mean that no path of ours leads there.
		if strings.HasPrefix(group, "/..") || strings.HasSuffix(group, " (deleted)") {
			return "", fmt.Errorf("find own cgroup: %q is out of reach", group)
		}
		return group, nil
	}
	return "", errors.New("find own cgroup: this process is in no cgroup v2 group")
}

// below returns the directory of group under the first cgroup2 mount that shows
// it. The format is that of proc_pid_mountinfo(5).
func below(mounts, group string) (string, error) {
	for line := range strings.Lines(mounts) {
		before, after, ok := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if !ok || len(fields) < 5 || !strings.HasPrefix(after, "cgroup2 ") {
			continue
		}
		root, point := unescape(fields[3]), unescape(fields[4])
		if rest, ok := strings.CutPrefix(group, strings.TrimSuffix(root, "/")); ok && (rest == "" || rest[0] == '/') {
			return filepath.Join(point, rest), nil
		}
	}
	return "", fmt.Errorf("find own cgroup: no cgroup2 file system is mounted that shows %s", group)
}

// unescape undoes the octal escapes of mountinfo: space, tab, newline, backslash.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace
