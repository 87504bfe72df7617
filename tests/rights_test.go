package tests

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"dispatcherd/tests/postgres"
)

// socketGroup is the group of the socket in these tests; the users need not exist.
const socketGroup = 61000

// person is a user of the machine who is in the group of the socket, and perhaps in others.
type person struct {
	uid    uint32
	groups []uint32
}

// openToGroup lets the group of the socket find and use it, as a unit for the socket would.
func (d *daemon) openToGroup() {
	d.t.Helper()
	if os.Geteuid() != 0 {
		d.t.Skip("only root can become other users")
	}
	for _, err := range []error{os.Chmod(d.dir, 0o755), os.Chown(d.socket, 0, socketGroup)} {
		if err != nil {
			d.t.Fatal(err)
		}
	}
}

// as connects as somebody else: the kernel tells who has connected, not who writes.
func (d *daemon) as(p person) *caller {
	d.t.Helper()
	type dialled struct {
		nc  *net.UnixConn
		err error
	}
	done := make(chan dialled)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		nc, err := dialAs(p, d.socket)
		done <- dialled{nc, err}
	}()
	result := <-done
	if result.err != nil {
		d.t.Fatalf("connect as uid %d: %v", p.uid, result.err)
	}
	d.t.Cleanup(func() { result.nc.Close() })
	if err := result.nc.SetDeadline(time.Now().Add(bound)); err != nil {
		d.t.Fatal(err)
	}
	return &caller{t: d.t, nc: result.nc, read: bufio.NewReader(result.nc)}
}

// dialAs makes the thread, and no other, that of the person for good.
func dialAs(p person, socket string) (*net.UnixConn, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), socket)
	defer file.Close()
	if err := become(p); err != nil {
		return nil, err
	}
	if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: socket}); err != nil {
		return nil, err
	}
	nc, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	return nc.(*net.UnixConn), nil
}

// manyGroups are more than are asked for at first, with one at the end.
func manyGroups(last uint32) (groups []uint32) {
	for n := range uint32(100) {
		groups = append(groups, 50000+n)
	}
	return append(groups, last)
}

func TestRightsOverTheSocket(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1", withMetrics, `[control]
submitters = ["61001", "@61101"]
operators = ["61002", "@61102"]
`))
	d.openToGroup()
	const may, mayNot = true, false
	for _, tt := range []struct {
		name          string
		who           person
		submits, acts bool
	}{
		{"anybody", person{uid: 61009}, mayNot, mayNot},
		{"a submitter", person{uid: 61001}, may, mayNot},
		{"one of a group that submits", person{61009, []uint32{5, 61101}}, may, mayNot},
		{"an operator", person{uid: 61002}, mayNot, may},
		{"one of a group of operators", person{61009, []uint32{61102}}, mayNot, may},
		{"an operator by the last of many groups", person{61009, manyGroups(61102)}, mayNot, may},
		{"root", person{uid: 0}, may, may},
	} {
		c := d.as(tt.who)
		want := func(what, request string, permitted bool) {
			t.Helper()
			c.send(request)
			if reply := c.reply(); strings.Contains(reply, "refused: it is for root and control.") == permitted {
				t.Errorf("%s: %s is answered %s, want permitted = %v", tt.name, what, reply, permitted)
			}
		}
		want("status", `{"control": "status", "reply_to": "x"}`, may)
		want("run", `{"control": "run", "reply_to": "x", "control_data": {"task": "app.tasks.nothing"}}`, tt.submits)
		want("cancel", `{"control": "cancel", "reply_to": "x", "control_data": {"uuid": "none"}}`, tt.acts)
		want("set_log_level", `{"control": "set_log_level", "reply_to": "x", "control_data": {"level": "DEBUG"}}`, tt.acts)
		for _, task := range []string{`{"task": "app.tasks.nothing"}`, `app.tasks.nothing`} {
			if tt.submits { // then it has no answer, and the next one is of what follows
				c.send(task)
				c.alive()
			} else {
				want("a task", task, mayNot)
			}
		}
	}
}

func TestRefusalsAreAnsweredLoggedAndCounted(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1", withMetrics, "[control]\nsubmitters = [\"root\"]\n"))
	d.openToGroup()
	before := d.metrics()[metricRejected]
	c := d.as(person{uid: 61009})
	const why = ", and you are uid 61009"
	c.send(`{"control": "cancel", "reply_to": "x", "control_data": {"uuid": "hunter2"}}`)
	c.expect(`{"error": "control request \"cancel\" is refused: it is for root and control.operators (nobody)` + why + `", "node_id": "test"}`)
	c.send(`{"task": "app.tasks.nothing", "uuid": "mine", "args": ["hunter2"]}`)
	c.expect(`{"error": "task is refused: it is for root and control.submitters (root)` + why + `", "node_id": "test"}`)
	for _, want := range []string{"control request is refused", "task is refused"} {
		line := d.waitLog(`msg="` + want + `"`)
		if !strings.Contains(line, fmt.Sprintf(`uid=61009 user="" pid=%d`, os.Getpid())) {
			t.Errorf("the line %s does not say who it was", line)
		}
	}
	if got := d.metrics()[metricRejected] - before; got != 2 {
		t.Errorf("%v messages were counted as rejected, want 2", got)
	}
	if d.log.count("hunter2") > 0 {
		t.Errorf("the log has arguments:\n%s", d.log)
	}
	if n := d.figure("tasks", "accepted"); n != 0 {
		t.Errorf("%d tasks were accepted", n)
	}
}

func TestRunIsNoWayAroundTheRightToAct(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	d.openToGroup()
	held := d.hold("held")
	c := d.as(person{uid: 61009})
	c.send(`{"control": "run", "reply_to": "x", "control_data": {"control": "cancel", "control_data": {"uuid": "held"}}}`)
	c.expect(`{"ack": {"control": "cancel"`)
	c.send(`{"control": "run", "reply_to": "x", "control_data": {"control": "cancel", "delay": 0.01, "control_data": {"uuid": "held"}}}`)
	c.expect(`{"ack": {"control": "cancel"`)
	d.waitLogs(`msg="control request is refused"`, 2)
	held.letGo()
	held.wantEnd(0, "outcome: succeeded")
}

func TestActionsAreLoggedWithWhoAndWhatAndNoArguments(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1", "[control]\noperators = [\"61002\"]\n"))
	d.openToGroup()
	d.hold("first")
	c := d.as(person{uid: 61002})
	c.send(`{"control": "run", "reply_to": "x", "control_data": {"task": "app.tasks.mark", "uuid": "second", "kwargs": {"path": "hunter2"}}}`)
	c.expect(`{"ack"`)
	c.send(`{"control": "cancel", "control_data": {"all": true}, "reply_to": "x"}`)
	c.expect(`{"worker-0": {`, `"uuid": "first"`)
	who := fmt.Sprintf(`uid=61002 user="" pid=%d`, os.Getpid())
	for command, uuids := range map[string]string{"run": `uuid=second`, "cancel": `uuid="first second"`} {
		line := d.waitLog(`msg="control action" part=intake command=` + command + ` channel=`)
		if command == "run" { // the first was the test's own
			line = d.waitLog(who + " " + uuids)
		}
		if !strings.Contains(line, "level=INFO") || !strings.Contains(line, who+" "+uuids) {
			t.Errorf("%s is logged as %s, want %s %s", command, line, who, uuids)
		}
	}
	if d.log.count("hunter2") > 0 {
		t.Errorf("the log has arguments:\n%s", d.log)
	}
}

func TestUserWhoIsNotInTheGroupCannotConnect(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	d.openToGroup()
	ctl := filepath.Join(d.dir, "dispatcherctl")
	text, err := os.ReadFile(filepath.Join(programs, "dispatcherctl"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, ctl, string(text), 0o755)
	for gid, want := range map[uint32]string{
		socketGroup: "is refused: it is for root and control.operators (nobody), and you are uid 61009",
		61999:       "permission denied (are you in the group that the socket belongs to?)",
	} {
		a := runAs(t, &syscall.Credential{Uid: 61009, Gid: gid}, ctl, "--socket", d.socket, "cancel", "--all")
		if a.code != 1 || !strings.Contains(a.stderr, want) {
			t.Errorf("with group %d, cancel ended with %d\n%s%s, want %s", gid, a.code, a.stdout, a.stderr, want)
		}
	}
}

// Whoever can connect to a service with the original's YAML may do everything, as there.
func TestOriginalsYAMLIsOpenToWhoeverCanConnect(t *testing.T) {
	t.Parallel()
	d := startYAML(t, fmt.Sprintf(originalYAML, postgres.Shared(t).NewDatabase(t).ConnInfo()), nil)
	d.openToGroup()
	c := d.as(person{uid: 61009})
	c.send(`{"control": "cancel", "reply_to": "x", "control_data": {"uuid": "none"}}`)
	c.expect(`{"node_id": "yaml"}`)
	c.send(`{"control": "run", "reply_to": "x", "control_data": {"task": "app.tasks.nothing", "delay": 600}}`)
	c.expect(`{"ack": `)
}
