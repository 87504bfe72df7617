package tests

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// listenAs opens a socket as another user does.
func listenAs(t *testing.T, uid int, path string) (listener net.Listener) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never given back: the thread, whose user is another now, ends with this
		const same = ^uintptr(0)
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, same, uintptr(uid), same); errno != 0 {
			done <- errno
			return
		}
		var err error
		listener, err = net.Listen("unixpacket", path)
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

func TestSocketOfAnotherUserIsNotTakenForTheSupervisor(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	dir, err := os.MkdirTemp("", "s-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s.sock")
	listener := listenAs(t, 65534, path)
	d := start(t, config(t, "", "", "[supervisor]\nsocket = \""+path+"\"\n"))
	line := d.waitLog("no connection to the supervisor")
	if !strings.Contains(line, "the socket was opened by user 65534") {
		t.Errorf("the log does not say why: %s", line)
	}
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if n, err := conn.Read(make([]byte, 1<<16)); n > 0 || err == nil {
		t.Errorf("it was told %d bytes, %v", n, err)
	}
}
