package supervisor

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// jobs is the project whose tasks the tests run.
const jobs = `
import os, signal, subprocess, sys, time

def say(text):
    print(text, flush=True)

def nothing():
    pass

def leave(code):
    os._exit(code)

def crash(number):
    os.kill(os.getpid(), number)

def child(own_session):
    """Start a process that outlives this one, by way of one that ends at once."""
    reader, writer = os.pipe()
    between = os.fork()
    if between == 0:
        if own_session:
            os.setsid()
        if os.fork() == 0:
            os.write(writer, str(os.getpid()).encode())
            time.sleep(300)
        os._exit(0)
    os.waitpid(between, 0)
    say(os.read(reader, 20).decode())

def child_and_leave(own_session):
    child(own_session)
    os._exit(0)

def descriptors():
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(name + " " + os.readlink("/proc/self/fd/" + name))
        except OSError:
            pass
    say(";".join(sorted(found)))

def environment(name):
    say(os.environ.get(name, "absent"))

def sleep(seconds):
    say("sleeping")
    time.sleep(seconds)

def stubborn():
    while True:
        try:
            say("sleeping")  # in here: a cancel may come before say returns
            time.sleep(300)
        except BaseException:
            say("not me")

def hold(mebibytes):
    """Take memory, in a child that outlives the call, and say so."""
    child = os.fork()
    if child == 0:
        taken = bytearray(b"x" * (mebibytes << 20))
        say("holding")
        time.sleep(300)
        os._exit(len(taken) % 2)

def take(mebibytes):
    """Try to take memory, and say how that went."""
    try:
        taken = bytearray(mebibytes << 20)
    except MemoryError:
        say("MemoryError")
    else:
        say("taken" if taken else "nothing")

kept = []

def keep(mebibytes):
    """Take memory and do not give it back."""
    kept.append(b"x" * (mebibytes << 20))
    say("kept")

def deaf_once():
    """Miss the first signal, as a system call does that begins right after it."""
    heard = []
    def hear(number, frame):
        heard.append(number)
        if len(heard) == 2:
            os._exit(5)
    signal.signal(signal.SIGUSR1, hear)
    say("sleeping")
    while True:
        time.sleep(300)

def flood(size, report):
    """Write more than a pipe and a socket hold; say so in the file report after the first."""
    say("sleeping")
    os.write(1, b"x" * size)
    with open(report, "w") as file:
        file.write("flooded")
    return "y" * (size // 2)
`

// project writes jobs and returns a spec for them.
func project(t testing.TB) Spec {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "jobs.py"), []byte(jobs), 0o644); err != nil {
		t.Fatal(err)
	}
	return Spec{
		Generation: 1, Python: "python3", PythonPath: []string{dir}, Preload: []string{"jobs"},
		Tasks: "importable", TasksAllow: []string{"jobs.*"},
		ShutdownGrace: limit, CancelGrace: limit,
	}
}

// hand is a worker that has said hello.
type hand struct {
	*Launched
	out *bufio.Reader
}

// hire launches a worker and waits until it is ready.
func (tm *team) hire(t testing.TB, id int) *hand {
	t.Helper()
	l, err := tm.client.Launch(bounded(t), id)
	if err != nil {
		t.Fatal(err)
	}
	h := newHand(t, l)
	if kind, _ := h.frame(t); kind != 'H' {
		t.Fatalf("the first frame of worker %d is %c, want H", id, kind)
	}
	return h
}

func newHand(t testing.TB, l *Launched) *hand {
	t.Helper()
	t.Cleanup(l.close)
	for _, f := range []*os.File{l.Socket, l.Stdout, l.Stderr} {
		if err := f.SetDeadline(time.Now().Add(limit)); err != nil {
			t.Fatalf("worker %d: its descriptors are not nonblocking: %v", l.Worker, err)
		}
	}
	return &hand{l, bufio.NewReader(l.Stdout)}
}

// frame reads the worker's next frame.
func (h *hand) frame(t testing.TB) (kind byte, body []byte) {
	t.Helper()
	head := make([]byte, 16)
	if _, err := io.ReadFull(h.Socket, head); err != nil {
		t.Fatalf("read frame of worker %d: %v", h.Worker, err)
	}
	body = make([]byte, binary.LittleEndian.Uint32(head))
	if _, err := io.ReadFull(h.Socket, body); err != nil {
		t.Fatalf("read frame of worker %d: %v", h.Worker, err)
	}
	return head[4], body
}

func (h *hand) send(t testing.TB, kind byte, seq uint64, body []byte) {
	t.Helper()
	frame := make([]byte, 16, 16+len(body))
	binary.LittleEndian.PutUint32(frame, uint32(len(body)))
	frame[4] = kind
	binary.LittleEndian.PutUint64(frame[8:], seq)
	if _, err := h.Socket.Write(append(frame, body...)); err != nil {
		t.Fatal(err)
	}
}

// run sends a task and does not wait for it.
func (h *hand) run(t testing.TB, task string, args ...any) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"uuid": "u", "task": "jobs." + task, "args": append([]any{}, args...)})
	if err != nil {
		t.Fatal(err)
	}
	h.send(t, 'T', 7, body)
}

// done waits for the end of a task.
func (h *hand) done(t testing.TB) {
	t.Helper()
	kind, body := h.frame(t)
	for kind == 'L' { // the exception that ended the task
		kind, body = h.frame(t)
	}
	if kind != 'D' {
		t.Fatalf("worker %d sent %c %q, want D", h.Worker, kind, body)
	}
}

// line waits for the worker's next line on stdout.
func (h *hand) line(t testing.TB) string {
	t.Helper()
	line, err := h.out.ReadString('\n')
	if err != nil {
		t.Fatalf("read output of worker %d: %q, %v", h.Worker, line, err)
	}
	return line[:len(line)-1]
}

// expect waits for a line that must be as given.
func (h *hand) expect(t testing.TB, want string) {
	t.Helper()
	if got := h.line(t); got != want {
		t.Fatalf("worker %d wrote %q, want %q", h.Worker, got, want)
	}
}
