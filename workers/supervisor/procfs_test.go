package supervisor

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestProcessWithAnOddNameIsRead(t *testing.T) {
	t.Parallel()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	odd := filepath.Join(t.TempDir(), "a) Z 1 (b")
	if err := os.Symlink(sleep, odd); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(odd, "300")
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	pid := cmd.Process.Pid
	stat, err := readStat(pid)
	if err != nil || stat.session != pid || stat.start == 0 || stat.zombie() {
		t.Errorf("readStat = %+v, %v, want a living session leader", stat, err)
	}
	members, err := sessionMembers(pid)
	if err != nil || !slices.Equal(members, []int{pid}) {
		t.Errorf("sessionMembers = %v, %v, want %d alone", members, err, pid)
	}
}
