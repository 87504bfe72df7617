package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const units = "../packaging/systemd"

// unitSettings are the lines of a unit file that are neither empty nor comments.
func unitSettings(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(units, name))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Split(string(text), "\n"), func(line string) bool {
		return line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "Description=")
	})
}

// TestInstancesAreTheUnits holds that a template is its unit, but for the names.
func TestInstancesAreTheUnits(t *testing.T) {
	t.Parallel()
	names := strings.NewReplacer(
		"dispatcherd.socket", "dispatcherd@%i.socket",
		"dispatcherd.service", "dispatcherd@%i.service",
		"dispatcherd-workers.socket", "dispatcherd-workers@%i.socket",
		"dispatcherd-workers.service", "dispatcherd-workers@%i.service",
		"/etc/dispatcherd/dispatcherd.toml", "/etc/dispatcherd/%i.toml",
		"/run/dispatcherd/python", "/run/dispatcherd/python", // for all of them
		"/run/dispatcherd/", "/run/dispatcherd/%i/",
		"StateDirectory=dispatcherd", "StateDirectory=dispatcherd/%i",
		"pg:dispatcherd.pg", "pg:dispatcherd.%i.pg",
		"User=dispatcherd-tasks", "User=%i",
	)
	for _, unit := range []string{"dispatcherd.service", "dispatcherd.socket", "dispatcherd-workers.service", "dispatcherd-workers.socket"} {
		var want []string
		for _, line := range unitSettings(t, unit) {
			if line != "Group=dispatcherd-tasks" { // the application's user has its own
				want = append(want, names.Replace(line))
			}
		}
		base, kind, _ := strings.Cut(unit, ".")
		template := base + "@." + kind
		if got := unitSettings(t, template); !slices.Equal(got, want) {
			t.Errorf("%s is\n%s\nwant %s with other names:\n%s", template, strings.Join(got, "\n"), unit, strings.Join(want, "\n"))
		}
	}
}

// TestReloadAsksAtTheSocketOfItsUnit: dispatcherctl would look for it in the configuration,
// which may be bad just then.
func TestReloadAsksAtTheSocketOfItsUnit(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"dispatcherd", "dispatcherd@"} {
		for _, line := range unitSettings(t, name+".socket") {
			path, found := strings.CutPrefix(line, "ListenStream=")
			reload := "ExecReload=/usr/bin/dispatcherctl --socket " + path + " reload"
			if found && !slices.Contains(unitSettings(t, name+".service"), reload) {
				t.Errorf("%s.service has no line %s", name, reload)
			}
		}
	}
}

// TestTheDropInForNewerSystemdNamesTheSupervisorsOwnGroup: in any other one the supervisor
// would make its tree below itself, where it has no controllers.
func TestTheDropInForNewerSystemdNamesTheSupervisorsOwnGroup(t *testing.T) {
	t.Parallel()
	own := regexp.MustCompile(`(?m)^const ownLeaf = "(\w+)"$`).FindStringSubmatch(readDocument(t, "cgroups/tree.go"))
	if own == nil {
		t.Fatal("cgroups/tree.go does not name the group")
	}
	if got, want := unitSettings(t, "systemd-254.conf"), []string{"[Service]", "DelegateSubgroup=" + own[1]}; !slices.Equal(got, want) {
		t.Errorf("systemd-254.conf is %q, want %q", got, want)
	}
}

// TestUnitsAreHardened has systemd-analyze count what a service could do to the host:
// 10 is everything. The threshold is in tenths.
func TestUnitsAreHardened(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze; make test-host has one in its guest")
	}
	for unit, threshold := range map[string]string{
		"dispatcherd.service": "15", "dispatcherd@.service": "15",
		"dispatcherd-workers.service": "20", "dispatcherd-workers@.service": "20",
	} {
		cmd := exec.Command(analyze, "security", "--offline=true", "--no-pager", "--threshold="+threshold, filepath.Join(units, unit))
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", unit, err, text)
		}
	}
}

// TestTheRelaxedDropInTakesBackWhatTheUnitForbids: a setting that the unit gains needs an
// answer in relaxed.conf.
func TestTheRelaxedDropInTakesBackWhatTheUnitForbids(t *testing.T) {
	t.Parallel()
	names := func(lines []string) (found []string) {
		for _, line := range lines {
			if name, _, ok := strings.Cut(line, "="); ok && !slices.Contains(found, name) {
				found = append(found, name)
			}
		}
		return found
	}
	unit := unitSettings(t, "dispatcherd-workers.service")
	forbids := names(unit[slices.Index(unit, "OOMPolicy=continue")+1:])
	forbids = slices.DeleteFunc(forbids, func(name string) bool { return name == "UMask" })
	if got := names(unitSettings(t, "relaxed.conf")); !slices.Equal(got, forbids) {
		t.Errorf("relaxed.conf sets %v, dispatcherd-workers.service forbids by %v", got, forbids)
	}
}
