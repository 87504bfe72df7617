package tests

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"github.com/godbus/dbus/v5"
)

// bus is a system bus, with a service manager on it that knows of one job.
type bus struct {
	env string // for a daemon

	mu  sync.Mutex // guards job
	job string     // its type; "" for no job
}

// busConfig is a bus on which everybody may do everything.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path=%s</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
`

const ownUnit = "dispatcherd.service"

// newBus starts one in d's directory.
func newBus(d *daemon) *bus {
	t := d.t
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil && os.Getenv("DISPATCHERD_TEST_REQUIRE") != "1" {
		t.Skip("there is no dbus-daemon on PATH")
	}
	address := "unix:path=" + d.file("bus")
	write(t, d.file("bus.conf"), fmt.Sprintf(busConfig, d.file("bus")), 0o600)
	cmd := exec.Command("dbus-daemon", "--nofork", "--print-address", "--config-file="+d.file("bus.conf"))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // by the signal
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, address) {
		t.Fatalf("dbus-daemon said %q, %v", line, err)
	}
	b := &bus{env: "DBUS_SYSTEM_BUS_ADDRESS=" + address}
	conn, err := dbus.Connect(address)
	if err == nil {
		err = conn.Export(b, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
	}
	if err == nil {
		_, err = conn.RequestName("org.freedesktop.systemd1", dbus.NameFlagDoNotQueue)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return b
}

// order has the manager carry out a job of that type on the daemon's unit.
func (b *bus) order(job string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.job = job
}

// GetUnitByPID is the manager's method.
func (b *bus) GetUnitByPID(uint32) (dbus.ObjectPath, *dbus.Error) {
	return "/org/freedesktop/systemd1/unit/dispatcherd_2eservice", nil
}

// job is an entry of ListJobs.
type job struct {
	ID                  uint32
	Unit, Type, State   string
	JobPath, ObjectPath dbus.ObjectPath
}

// ListJobs is the manager's method.
func (b *bus) ListJobs() ([]job, *dbus.Error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	jobs := []job{{7, "other.service", "restart", "running", "/org/freedesktop/systemd1/job/7", "/org/freedesktop/systemd1/unit/other_2eservice"}}
	if b.job != "" {
		jobs = append(jobs, job{8, ownUnit, b.job, "running", "/org/freedesktop/systemd1/job/8", "/org/freedesktop/systemd1/unit/dispatcherd_2eservice"})
	}
	return jobs, nil
}
