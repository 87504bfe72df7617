package workers_test

import (
	"syscall"
	"testing"

	"dispatcherd/workers"
)

func TestDeathOfAWorkerIsTheOutcomeOfItsTask(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		death workers.Death
		want  workers.Outcome
	}{
		{"exit code 0", workers.Death{}, workers.Quit},
		{"exit code 3", workers.Death{Code: 3}, workers.Quit},
		{"SIGKILL", workers.Death{Signal: syscall.SIGKILL}, workers.Killed},
		{"SIGTERM by somebody", workers.Death{Signal: syscall.SIGTERM, By: "uid 0"}, workers.Killed},
		{"a real-time signal", workers.Death{Signal: 40}, workers.Killed},
		{"SIGKILL for want of memory", workers.Death{Signal: syscall.SIGKILL, OOM: true}, workers.OOMKilled},
		{"SIGSEGV", workers.Death{Signal: syscall.SIGSEGV}, workers.Crashed},
		{"SIGBUS", workers.Death{Signal: syscall.SIGBUS}, workers.Crashed},
		{"SIGFPE", workers.Death{Signal: syscall.SIGFPE}, workers.Crashed},
		{"SIGILL", workers.Death{Signal: syscall.SIGILL}, workers.Crashed},
		{"SIGABRT", workers.Death{Signal: syscall.SIGABRT}, workers.Crashed},
		{"SIGTRAP", workers.Death{Signal: syscall.SIGTRAP}, workers.Crashed},
		{"SIGSYS", workers.Death{Signal: syscall.SIGSYS}, workers.Crashed},
		{"SIGQUIT with a core", workers.Death{Signal: syscall.SIGQUIT, Core: true}, workers.Crashed},
		{"unseen", workers.Death{Unknown: true}, workers.Lost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.death.Outcome(); got != tt.want {
				t.Errorf("%+v is %q, want %q", tt.death, got, tt.want)
			}
		})
	}
}
