package supervisor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// procStat is what /proc/PID/stat says (proc_pid_stat(5)).
type procStat struct {
	state   byte
	session int
	start   uint64        // ticks after boot
	cpu     time.Duration // of it and the children that it has waited for
}

// tick is the unit of times in /proc: USER_HZ is 100 on every architecture that Go knows.
const tick = 10 * time.Millisecond

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
	for _, field := range fields[11:15] {
		ticks, numErr := strconv.ParseInt(field, 10, 64)
		err = errors.Join(err, numErr)
		stat.cpu += time.Duration(ticks) * tick
	}
	if err != nil {
		return procStat{}, fmt.Errorf("read %s: %w", path, err)
	}
	return stat, nil
}

func (s procStat) zombie() bool { return s.state == 'Z' || s.state == 'X' }

// Memory is the share of memory that the process takes, in bytes: Pss of
// /proc/PID/smaps_rollup (proc_pid_smaps(5)).
func Memory(pid int) (int64, error) {
	path := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != "Pss:" || fields[2] != "kB" {
			continue
		}
		kib, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", path, err)
		}
		return kib << 10, nil
	}
	return 0, fmt.Errorf("read %s: no Pss in it", path)
}

// sessions are the living processes by session, as they were when it was first asked.
type sessions map[int][]int

func (s sessions) of(session int) ([]int, error) {
	if len(s) == 0 {
		err := eachProcess(func(pid int, stat procStat) { s[stat.session] = append(s[stat.session], pid) })
		if err != nil {
			return nil, err
		}
	}
	return s[session], nil
}

// sessionMembers returns the living processes of a session.
func sessionMembers(session int) (members []int, err error) {
	err = eachProcess(func(pid int, stat procStat) {
		if stat.session == session {
			members = append(members, pid)
		}
	})
	return members, err
}

// eachProcess visits the living processes.
func eachProcess(visit func(pid int, stat procStat)) error {
	dir, err := os.Open("/proc")
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		stat, err := readStat(pid)
		if err == nil && !stat.zombie() {
			visit(pid, stat)
		}
	}
	return err
}
