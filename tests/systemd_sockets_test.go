package tests

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestPassedControlSocketIsTakenOverAndNeverRemoved(t *testing.T) {
	t.Parallel()
	d := prepare(t, config(t, "", ""))
	unit := opened(t, "unix", d.socket)
	// Before the daemon is there: it is answered once it is.
	early, err := net.Dial("unix", d.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	if _, err := early.Write([]byte(`{"control": "alive", "reply_to": "me"}` + "\n")); err != nil {
		t.Fatal(err)
	}
	before, err := os.Lstat(d.socket)
	if err != nil {
		t.Fatal(err)
	}
	program, args := d.program, d.args
	d.run(d.pass([]string{"control"}, unit)...)
	d.waitLog("the control socket is the service manager's")
	reply, err := bufio.NewReader(early).ReadString('\n')
	if err != nil || !strings.Contains(reply, `"node_id": "test"`) {
		t.Errorf("the early connection was answered %q, %v", reply, err)
	}
	d.wantWork()
	d.stop()
	after, err := os.Lstat(d.socket)
	if err != nil || !os.SameFile(before, after) {
		t.Fatalf("the socket that was passed is gone or another: %v", err)
	}

	// Between two daemons a client waits, and the next one answers.
	late := d.background("alive")
	next := &daemon{
		t: t, dir: d.dir, socket: d.socket, program: program, args: args, config: d.config, attr: d.attr,
		log: newLogBuffer(), done: make(chan struct{}),
	}
	next.run(next.pass([]string{"control"}, unit)...)
	late.wantEnd(0, "")
	next.stop()
}

func TestPassedMetricsSocketIsServed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ section, network, address string }{
		"with the section": {"[metrics]\nlisten = \"127.0.0.1:1\"", "tcp", "127.0.0.1:0"},
		"without":          {"", "tcp", "127.0.0.1:0"},
		"a unix socket":    {"", "unix", "metrics.sock"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := prepare(t, config(t, "", "", tt.section))
			if tt.network == "unix" {
				tt.address = d.file(tt.address)
			}
			l, err := net.Listen(tt.network, tt.address)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			unit, err := l.(interface{ File() (*os.File, error) }).File()
			if err != nil {
				t.Fatal(err)
			}
			defer unit.Close()
			d.run(d.pass([]string{"metrics"}, unit)...)
			t.Cleanup(func() { d.stop(); d.leftNothing() })
			d.waitLog("dispatcherd is running")
			dial := func(context.Context, string, string) (net.Conn, error) {
				return net.Dial(tt.network, l.Addr().String())
			}
			client := &http.Client{Transport: &http.Transport{DialContext: dial}}
			answer, err := client.Get("http://host/metrics")
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				t.Errorf("the page is answered with %s", answer.Status)
			}
		})
	}
}

func TestListenFDSThatLiesIsOneLine(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		env  []string
		pass func(t *testing.T, dir string) *os.File // nil: nothing
		want string
	}{
		"no number":     {[]string{"LISTEN_FDS=two"}, nil, `LISTEN_FDS must be the number of sockets that were passed, got "two"`},
		"negative":      {[]string{"LISTEN_FDS=-1"}, nil, `got "-1"`},
		"nothing there": {[]string{"LISTEN_FDS=99999999"}, nil, "LISTEN_FDS says that 99999999 sockets were passed, but descriptor 3 is not one that listens"},
		"a file": {[]string{"LISTEN_FDS=1", "LISTEN_FDNAMES=control"}, func(t *testing.T, dir string) *os.File {
			f, err := os.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}, "descriptor 3 is not one that listens"},
		"one that is closed": {[]string{"LISTEN_FDS=2", "LISTEN_FDNAMES=control:metrics"}, func(t *testing.T, dir string) *os.File {
			return opened(t, "unix", dir+"/x.sock")
		}, "LISTEN_FDS says that 2 sockets were passed, but descriptor 4 is not one that listens"},
		"one that does not listen": {[]string{"LISTEN_FDS=1", "LISTEN_FDNAMES=control"}, func(t *testing.T, _ string) *os.File {
			fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			file := os.NewFile(uintptr(fd), "socket")
			t.Cleanup(func() { file.Close() })
			return file
		}, "descriptor 3 is not one that listens"},
		"no names": {[]string{"LISTEN_FDS=1"}, func(t *testing.T, dir string) *os.File {
			return opened(t, "unix", dir+"/x.sock")
		}, `a socket with the name "LISTEN_FD_3"; FileDescriptorName= must be control or metrics`},
		"unknown name": {[]string{"LISTEN_FDS=1", "LISTEN_FDNAMES=d.socket"}, func(t *testing.T, dir string) *os.File {
			return opened(t, "unix", dir+"/x.sock")
		}, `a socket with the name "d.socket"; FileDescriptorName= must be control or metrics`},
		"another kind": {[]string{"LISTEN_FDS=1", "LISTEN_FDNAMES=control"}, func(t *testing.T, dir string) *os.File {
			return opened(t, "unixpacket", dir+"/x.sock")
		}, "the socket control must be of the kind unix (ListenStream=/PATH), got unixpacket"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := prepare(t, config(t, "", ""))
			m, notify := d.manage()
			var files []*os.File
			if tt.pass != nil {
				files = append(files, tt.pass(t, d.dir))
			}
			d.pass(nil, files...)
			d.run(append(tt.env, notify)...)
			if code := d.wait(); code != 69 {
				t.Errorf("exit code %d, want 69", code)
			}
			if text := strings.TrimSpace(d.log.String()); !strings.Contains(text, tt.want) || strings.Count(text, "\n") > 0 {
				t.Errorf("the log is\n%s\nwant a line with %q", text, tt.want)
			}
			if !strings.Contains(m.wait("STATUS="), tt.want) {
				t.Errorf("the status was %q", m.status())
			}
		})
	}
}

func TestSocketsOfAnotherProcessAreNotTaken(t *testing.T) {
	t.Parallel()
	d := prepare(t, config(t, "", ""))
	unit := opened(t, "unix", d.file("other.sock"))
	d.files = []*os.File{unit}
	d.run("LISTEN_PID=1", "LISTEN_FDS=1", "LISTEN_FDNAMES=control")
	t.Cleanup(func() { d.stop(); d.leftNothing() })
	d.waitLog("dispatcherd is running")
	d.wantWork()
	d.tell(syscall.SIGTERM)
	d.wantStop()
}
