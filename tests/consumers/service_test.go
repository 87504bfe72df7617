package consumers

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// service is one that runs.
type service struct {
	t    *testing.T
	role string
	log  string // a path
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// start starts the service of a role and waits until it listens.
func (p *place) start(role string) *service {
	p.t.Helper()
	s := &service{t: p.t, role: role, log: p.path("log-" + role), done: make(chan struct{})}
	s.cmd = p.serving(role)
	log, err := os.Create(s.log)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	s.cmd.Dir, s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = p.dir, p.of(role), log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait() // ProcessState tells how it has ended
		close(s.done)
	}()
	p.t.Cleanup(s.kill)
	if p.way == asToday {
		s.waitLog("Set up pg_notify listening on channel")
	} else {
		s.waitLog(`msg="listening to Postgres"`)
		s.waitLog(`msg="dispatcherd is running"`)
	}
	return s
}

// serving is the command that a service is started with. What it is configured with by file is looked at before.
func (p *place) serving(role string) *exec.Cmd {
	p.t.Helper()
	if p.way == byFile {
		file := p.configuration(role)
		p.wantCheck(role, file)
		return exec.Command(filepath.Join(programs, "dispatcherd"), "--config", file)
	}
	return exec.Command(python(p.t), append([]string{p.script(p.product.command[0])}, p.product.command[1:]...)...)
}

// configuration is the file of a role in the form that the daemon reads.
func (p *place) configuration(role string) string {
	p.t.Helper()
	if p.product.file != "" {
		return p.product.file
	}
	p.write("dispatcher.yml", p.output(role, python(p.t), p.script("as_yaml.py")))
	return "dispatcher.yml"
}

// stop ends the service as a service manager does.
func (s *service) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Fatal(err)
	}
	select {
	case <-s.done:
	case <-time.After(bound):
		s.t.Fatalf("%s does not stop:\n%s", s.role, s.text())
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.t.Errorf("%s ended with %d:\n%s", s.role, code, s.text())
	}
}

// kill ends whatever is left of it.
func (s *service) kill() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // most often nobody is there
	<-s.done
}

func (s *service) text() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// waitLog waits until the log has that text.
func (s *service) waitLog(want string) {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); !strings.Contains(s.text(), want); {
		select {
		case <-tick.C:
		case <-s.done:
			s.t.Fatalf("%s has ended:\n%s", s.role, s.text())
		}
		if time.Since(began) > bound {
			s.t.Fatalf("the log of %s has no %q:\n%s", s.role, want, s.text())
		}
	}
}
