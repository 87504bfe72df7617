package consumers

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// everyWay runs a product with each service and compares what comes of it with testdata/PRODUCT/golden:
// what its programs are answered, and then, each line once, what its tasks and hooks have noted. more,
// if not nil, looks at the services while they run.
func everyWay(t *testing.T, p product, more func(t *testing.T, at *place)) {
	want := golden(t, p, "golden.txt")
	for _, w := range []way{asToday, byFile, byLibrary} {
		t.Run(string(w), func(t *testing.T) {
			t.Parallel()
			at := newPlace(t, p, w)
			services := make([]*service, len(p.roles))
			for i, role := range p.roles {
				services[i] = at.start(role)
			}
			answers := at.output(p.roles[0], python(t), at.script("act.py"))
			if more != nil {
				more(t, at)
			}
			for _, s := range services {
				s.stop()
				if w != asToday {
					s.wantNotes(at.told(s.role))
				}
			}
			if diff := cmp.Diff(want, answers+"\n"+at.noted()); diff != "" {
				t.Errorf("-testdata/%s/golden.txt +%s:\n%s", p.name, w, diff)
				for _, s := range services {
					t.Logf("the log of %s:\n%s", s.role, s.text())
				}
			}
		})
	}
}

// wantCheck has the daemon look at the configuration of a role.
func (p *place) wantCheck(role, file string) {
	p.t.Helper()
	got := p.output(role, filepath.Join(programs, "dispatcherd"), "--config", file, "--check")
	if diff := cmp.Diff(golden(p.t, p.product, role+".notes"), got); diff != "" {
		p.t.Errorf("--check of %s (-want +got):\n%s", role, diff)
	}
}

// told is what the daemon is to say of the configuration of a role that it was given.
func (p *place) told(role string) string {
	p.t.Helper()
	text := golden(p.t, p.product, role+".notes")
	if p.way == byLibrary && p.product.unkept != "" {
		text = regexp.MustCompile(`(?m)^note: \S+ `+p.product.unkept+`: .*\n`).ReplaceAllString(text, "")
	}
	return text
}

// wantNotes compares what the daemon has logged of its configuration with what --check prints. The
// name of the file is another where the settings are handed over.
func (s *service) wantNotes(check string) {
	s.t.Helper()
	nameless := func(lines []string) (all []string) {
		for _, line := range lines {
			all = append(all, regexp.MustCompile(`^(UNSAFE|note): [^: ]+(:\d+)?: `).ReplaceAllString(line, "$1: "))
		}
		return all
	}
	lines := strings.Split(strings.TrimSuffix(check, "\n"), "\n")
	want := nameless(lines[:len(lines)-1]) // the last one says that there are no problems
	var got []string
	for _, m := range regexp.MustCompile(`level=WARN msg="(UNSAFE|about the configuration): ((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(s.text(), -1) {
		kind := strings.Replace(m[1], "about the configuration", "note", 1)
		got = append(got, kind+": "+strings.ReplaceAll(m[2], `\"`, `"`))
	}
	if diff := cmp.Diff(want, nameless(got)); diff != "" {
		s.t.Errorf("%s logs of its configuration (-check +log):\n%s", s.role, diff)
	}
}

// noted is what was written down, each line once: how often a schedule or a hook comes is not the same.
func (p *place) noted() string {
	p.t.Helper()
	text, err := os.ReadFile(p.path("record"))
	if err != nil {
		p.t.Fatal(err)
	}
	lines := slices.Collect(strings.Lines(string(text)))
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "")
}

func golden(t *testing.T, p product, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", p.name, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
