package supervisor

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// procStat is what /proc/PID/stat says (proc_pid_stat(5)).
type procStat struct {
	state   byte
	session int
	start   uint64 // ticks after boot
}

func readStat(pid int) (procStat, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return procStat{}, err
	}
	// The name, in parentheses, may hold anything; what follows it may not.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 20 {
		return procStat{}, fmt.Errorf("read %s: only %d fields", path, len(fields))
	}
	stat := procStat{state: fields[0][0]}
	if stat.session, err = strconv.Atoi(fields[3]); err == nil {
		stat.start, err = strconv.ParseUint(fields[19], 10, 64)
	}
	if err != nil {
		return procStat{}, fmt.Errorf("read %s: %w", path, err)
	}
	return stat, nil
}

func (s procStat) zombie() bool { return s.state == 'Z' || s.state == 'X' }

// sessionMembers returns the living processes of a session.
func sessionMembers(session int) ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	var members []int
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		stat, err := readStat(pid)
		if err == nil && stat.session == session && !stat.zombie() {
			members = append(members, pid)
		}
	}
	return members, err
}
