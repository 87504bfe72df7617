package storm

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// children lists the living children of a process.
func children(parent int) (pids []int) {
	entries, _ := filepath.Glob("/proc/[0-9]*/stat") // errs only on a bad pattern
	for _, e := range entries {
		text, err := os.ReadFile(e)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if fields[0] != "Z" && fields[1] == strconv.Itoa(parent) {
			pid, _ := strconv.Atoi(strings.Split(e, "/")[2])
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// commandLine is that of a process, "" if it is gone.
func commandLine(pid int) string {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return strings.ReplaceAll(string(text), "\x00", " ")
}

// leftBehind says whether it is what a task has left in a session of its own: without control groups that gets away.
func leftBehind(pid int) bool { return strings.HasPrefix(commandLine(pid), "sleep ") }

// livesIn says whether a process lives whose working directory this is: one that the storm has
// started, or that such a one has.
func livesIn(pid int, dir string) bool {
	target, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/cwd")
	return err == nil && target == dir // one that has ended has none
}

// left lists the processes of the service that live, such as those of a supervisor whose daemon was killed, which
// has its tasks end.
func (s *service) left() (pids []int) {
	entries, _ := filepath.Glob("/proc/[0-9]*") // errs only on a bad pattern
	for _, e := range entries {
		pid, _ := strconv.Atoi(filepath.Base(e))
		if livesIn(pid, s.dir) && !leftBehind(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// kill ends a process of the storm with -9.
func (s *service) kill(pid int) bool {
	return pid > 1 && livesIn(pid, s.dir) && syscall.Kill(pid, syscall.SIGKILL) == nil
}
