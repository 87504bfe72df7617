package cgroups

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// WaitEmpty returns when no process is left in the group and below, or the
// group is gone, or ctx has ended.
func (g *Group) WaitEmpty(ctx context.Context) error {
	if busy, err := g.Populated(); err != nil || !busy {
		return err // the usual case: nobody was left behind
	}
	if err := g.await(ctx, "populated", 0); err != nil {
		return fmt.Errorf("wait until %s is empty: %w", g.dir, err)
	}
	return nil
}

// await returns when a key of cgroup.events has the value, or the group is gone, or ctx
// has ended.
func (g *Group) await(ctx context.Context, key string, want int64) error {
	w, err := watchEvents(g.dir)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer w.close()
	stop := context.AfterFunc(ctx, w.interrupt)
	defer stop()
	for {
		got, ok, err := w.value(key)
		if err != nil || !ok || got == want {
			return err
		}
		if err := w.change(); err != nil {
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return err
		}
	}
}

// watcher waits for changes of a cgroup.events file. The kernel announces one
// by EPOLLPRI (cgroups(7)), which the Go runtime does not ask for: the file is in
// an epoll set of its own, and that set is what the runtime waits for. So no
// thread blocks, and there is no limit as there is on inotify instances.
type watcher struct {
	dir    string
	events *os.File
	set    *os.File
}

func watchEvents(dir string) (*watcher, error) {
	path := filepath.Join(dir, "cgroup.events")
	events, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, cause(err))
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		events.Close()
		return nil, fmt.Errorf("watch %s: %w", path, err)
	}
	err = unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, int(events.Fd()), &unix.EpollEvent{Events: unix.EPOLLPRI})
	if err == nil {
		err = unix.SetNonblock(fd, true) // so that os.NewFile hands it to the runtime's poller
	}
	if err != nil {
		unix.Close(fd)
		events.Close()
		return nil, fmt.Errorf("watch %s: %w", path, err)
	}
	return &watcher{dir: dir, events: events, set: os.NewFile(uintptr(fd), "epoll")}, nil
}

// value reads a key of the file, which also marks its present state as seen; ok is false
// once the group is gone.
func (w *watcher) value(key string) (n int64, ok bool, err error) {
	buf := make([]byte, 512)
	size, err := w.events.ReadAt(buf, 0)
	if gone(err) {
		return 0, false, nil
	}
	if err != nil && err != io.EOF {
		return 0, false, fmt.Errorf("read %s: %w", w.events.Name(), cause(err))
	}
	if n, ok = value(string(buf[:size]), key); !ok {
		return 0, false, fmt.Errorf("read %s: no %s line in %q", w.events.Name(), key, buf[:size])
	}
	return n, true, nil
}

// change waits until the file differs from what value saw.
func (w *watcher) change() error {
	conn, err := w.set.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Read(func(fd uintptr) bool {
		n, err := unix.EpollWait(int(fd), make([]unix.EpollEvent, 1), 0)
		if err == unix.EINTR {
			return false
		}
		failed = err
		return n > 0 || err != nil
	})
	if err == nil {
		err = failed
	}
	return err
}

// interrupt makes change return.
func (w *watcher) interrupt() { w.set.SetReadDeadline(time.Unix(1, 0)) }

func (w *watcher) close() {
	w.set.Close()
	w.events.Close()
}
