// Package stand stands a service, the Python original's or ours, where a test can look at it: in a
// directory and with a database of its own. It speaks to both in the same way.
package stand

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"dispatcherd/tests/postgres"
)

// Bound is how long anything may take. It says that something hangs, and is no measure.
const Bound = 60 * time.Second

// Side is one of the two services.
type Side string

// The two.
const (
	Original Side = "the original"
	Ours     Side = "ours"
)

// Service is one of them.
type Service struct {
	Side     Side
	Dir      string // that it runs in
	Database *postgres.Database
	Cmd      *exec.Cmd     // once it runs
	Done     chan struct{} // closed when it has ended
}

// New makes the place of a service, which End removes.
func New(t testing.TB, side Side) (*Service, error) {
	database := postgres.Shared(t).NewDatabase(t)
	dir, err := os.MkdirTemp("", "d-") // t.TempDir can be too long for the path of a socket
	if err != nil {
		return nil, err
	}
	return &Service{Side: side, Dir: dir, Database: database, Done: make(chan struct{})}, nil
}

// Path is the path of a file of its directory.
func (s *Service) Path(name string) string { return filepath.Join(s.Dir, name) }

// Run starts the process on a configuration, which is a file of its directory, in a group of its own.
// Ours is found in the directory programs. The modules of the tasks are in the directory project.
func (s *Service) Run(programs, project, config string, env ...string) error {
	venv, err := filepath.Abs(os.Getenv("DISPATCHERD_TEST_VENV"))
	if err != nil {
		return err
	}
	if project, err = filepath.Abs(project); err != nil {
		return err
	}
	program := filepath.Join(venv, "bin", "dispatcherd")
	if s.Side == Ours {
		program = filepath.Join(programs, "dispatcherd")
	}
	log, err := os.Create(s.Path("log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s.Cmd = exec.Command(program, "--config", config, "--log-level", "INFO")
	s.Cmd.Dir, s.Cmd.Stdout, s.Cmd.Stderr = s.Dir, log, log
	s.Cmd.Env = append(os.Environ(), "PYTHONPATH="+project, "PYTHONDONTWRITEBYTECODE=1", "TMPDIR="+s.Dir,
		"PATH="+filepath.Join(venv, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	s.Cmd.Env = append(s.Cmd.Env, env...)
	s.Cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.Cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = s.Cmd.Wait() // ProcessState tells how it has ended
		close(s.Done)
	}()
	return nil
}

// Terminate asks the service to stop and returns its exit code, -1 for a signal.
func (s *Service) Terminate() (code int, err error) {
	if err := s.Cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, err
	}
	return s.Wait()
}

// Wait waits until the service has ended and returns its exit code, -1 for a signal.
func (s *Service) Wait() (code int, err error) {
	select {
	case <-s.Done:
		return s.Cmd.ProcessState.ExitCode(), nil
	case <-time.After(Bound):
		return 0, fmt.Errorf("%s does not stop", s.Side)
	}
}

// Stop ends the service, whatever state it is in, and all that it has left in its process group.
func (s *Service) Stop() {
	if s.Cmd == nil || s.Cmd.Process == nil {
		return
	}
	select {
	case <-s.Done:
	default:
		if _, err := s.Terminate(); err != nil {
			_ = s.Cmd.Process.Kill() // it can only have ended
			<-s.Done
		}
	}
	_ = syscall.Kill(-s.Cmd.Process.Pid, syscall.SIGKILL) // the original may leave its workers; most often nobody is there
}

// End is Stop, and removes the service's files.
func (s *Service) End() {
	s.Stop()
	os.RemoveAll(s.Dir)
}

// Log is what the service has logged, and its workers have said.
func (s *Service) Log() string {
	text, err := os.ReadFile(s.Path("log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Venv is the virtual environment that has the original. Without one the test is skipped, or fails
// where tests may not be skipped.
func Venv(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("DISPATCHERD_TEST_VENV")
	if dir == "" {
		reason := "no Python original: set DISPATCHERD_TEST_VENV to the virtual environment that make test has made in build/venv"
		if os.Getenv("DISPATCHERD_TEST_REQUIRE") == "1" {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	return dir
}
