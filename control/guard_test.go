package control

import (
	"log/slog"
	"os"
	"strings"
	"testing"
)

// guard returns one whose daemon has a user of its own, and its log.
func guard(r Rights) (*Guard, *strings.Builder) {
	var log strings.Builder
	g := NewGuard(r, slog.New(slog.NewTextHandler(&log, nil)))
	g.own = 7777
	return g, &log
}

func TestRightsDecideByUserAndByEveryGroupOfThePeer(t *testing.T) {
	t.Parallel()
	g, _ := guard(Rights{Submitters: []string{"5001", "@6001"}, Operators: []string{"5002", "@root"}})
	for _, tt := range []struct {
		name           string
		peer           Peer
		submits, cures bool
	}{
		{"root", Peer{UID: 0, GID: 9}, true, true},
		{"the daemon's user", Peer{UID: 7777, GID: 9}, true, true},
		{"a submitter", Peer{UID: 5001, GID: 9}, true, false},
		{"one of a submitting group", Peer{UID: 9, GID: 6001}, true, false},
		{"one with a second group that submits", Peer{UID: 9, GID: 9, Groups: []int{8, 6001}}, true, false},
		{"an operator", Peer{UID: 5002, GID: 9}, false, true},
		{"one of the group of operators", Peer{UID: 9, GID: 9, Groups: []int{0}}, false, true},
		{"one whose group has the number of a user", Peer{UID: 9, GID: 5002}, false, false},
		{"anybody", Peer{UID: 9, GID: 9}, false, false},
	} {
		c := g.Of(tt.peer)
		for command, want := range map[string]bool{
			"alive": true, "status": true, "no such command": true, "": true,
			"run": tt.submits, "cancel": tt.cures, "set_log_level": tt.cures,
		} {
			if err := c.Command(command); (err == nil) != want {
				t.Errorf("%s, %q: %v, want permitted = %v", tt.name, command, err, want)
			}
		}
		if err := c.Task(); (err == nil) != tt.submits {
			t.Errorf("%s, a task: %v, want permitted = %v", tt.name, err, tt.submits)
		}
	}
}

func TestRefusalSaysWhoMay(t *testing.T) {
	t.Parallel()
	g, _ := guard(Rights{Submitters: []string{"5001", "@6001"}})
	c := g.Of(Peer{UID: 59999, GID: 9})
	for command, want := range map[string]string{
		"run":    "it is for root, uid 7777 and control.submitters (5001, @6001), and you are uid 59999",
		"cancel": "it is for root, uid 7777 and control.operators (nobody), and you are uid 59999",
	} {
		if err := c.Command(command); err == nil || err.Error() != want {
			t.Errorf("%s is refused with %v, want %s", command, err, want)
		}
	}
}

func TestEverybodyMaySubmitAndNobodyActByDefault(t *testing.T) {
	t.Parallel()
	g, _ := guard(DefaultRights())
	c := g.Of(Peer{UID: 9, GID: 9})
	if err := c.Task(); err != nil {
		t.Errorf("a task is refused: %v", err)
	}
	if err := c.Command("cancel"); err == nil {
		t.Error("cancel is permitted")
	}
}

func TestOtherRightsCountForClientsThatAreThere(t *testing.T) {
	t.Parallel()
	g, _ := guard(DefaultRights())
	c := g.Of(Peer{UID: 9, GID: 9})
	g.Use(Rights{Operators: []string{"9"}})
	if err := c.Command("cancel"); err != nil {
		t.Errorf("cancel is refused to one who is an operator now: %v", err)
	}
	if err := c.Task(); err == nil {
		t.Error("a task is taken from one who is no submitter any more")
	}
}

func TestNameThatNobodyHasIsLoggedAndGivesNoRight(t *testing.T) {
	t.Parallel()
	g, log := guard(Rights{Operators: []string{"no-such-user-here", "@no-such-group-here", "root"}})
	for _, want := range []string{`name=no-such-user-here`, `name=@no-such-group-here`} {
		if strings.Count(log.String(), want) != 1 {
			t.Errorf("the log has not %q once:\n%s", want, log)
		}
	}
	if strings.Count(log.String(), "key=control.operators") != 2 {
		t.Errorf("the log is\n%s", log)
	}
	if err := g.Of(Peer{UID: 9}).Command("cancel"); err == nil {
		t.Error("cancel is permitted")
	}
}

func TestOwnUserIsTheOneThatTheDaemonRunsAs(t *testing.T) {
	t.Parallel()
	g := NewGuard(Rights{}, slog.New(slog.DiscardHandler))
	if err := g.Of(Peer{UID: os.Geteuid(), GID: 9}).Command("cancel"); err != nil {
		t.Error(err)
	}
}

func TestNamesOfRightsAreChecked(t *testing.T) {
	t.Parallel()
	good := Rights{Submitters: []string{"alice", "@web", "1000", "@1000", "*"}, Operators: []string{"svc.app_1-x$"}}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"", "@", "a b", "a:b", "%wheel", "a@b", "@*", "a,b", "a\n", "../x"} {
		err := Rights{Operators: []string{name}}.Validate()
		if err == nil || !strings.HasPrefix(err.Error(), "control.operators: must be names") {
			t.Errorf("Validate with %q = %v", name, err)
		}
		if (Rights{Submitters: []string{name}}).Validate() == nil {
			t.Errorf("submitters may be %q", name)
		}
	}
}
