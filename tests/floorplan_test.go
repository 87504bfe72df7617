package tests

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// room is one package of the floor plan.
type room struct {
	about   string   // its row in the README
	imports []string // packages of this project that it may import
	doors   []string // modules of others that it may import
}

// Every package, from the ground floor up. A package that is not here, or that
// imports what its row does not list, fails the test.
var plan = map[string]room{
	"cgroups":        {about: "one cgroup per worker: make, measure, kill, remove", doors: []string{"golang.org/x/sys"}},
	"pgnotify":       {about: "LISTEN kept alive on Postgres, and NOTIFY", doors: []string{"github.com/jackc/pgx/v5"}},
	"daemon/message": {about: "the wire format: tasks, control requests, chunks"},
	"daemon/systemd": {about: "what is said to the service manager, and what it gives: states, sockets, the watchdog", doors: []string{
		"github.com/coreos/go-systemd/v22/activation", "github.com/coreos/go-systemd/v22/daemon", "github.com/coreos/go-systemd/v22/dbus",
	}},
	"workers": {about: "the pool: how many workers, in which state, with which task"},
	"daemon/journal": {
		about: "the log: entries of the journal with fields, or lines on standard error",
		doors: []string{"github.com/coreos/go-systemd/v22/journal", "golang.org/x/sys"},
	},
	"workers/python": {about: "the Python half, embedded: worker runtime, fork server, library"},

	"control":            {about: "the control socket and its client", imports: []string{"daemon/message"}, doors: []string{"golang.org/x/sys"}},
	"daemon/dispatch":    {about: "when each task runs: delay, duplicates, queue", imports: []string{"cgroups", "daemon/message", "workers"}},
	"daemon/history":     {about: "how the last tasks have ended", imports: []string{"daemon/dispatch"}},
	"daemon/policy":      {about: "what each task may use: limits, time, how many at once", imports: []string{"cgroups"}},
	"daemon/schedule":    {about: "tasks that the daemon produces by itself", imports: []string{"daemon/message"}},
	"workers/supervisor": {about: "the process that holds the workers", imports: []string{"cgroups", "workers/python"}, doors: []string{"golang.org/x/sys"}},

	"daemon/journal/journaltest": {about: "a stand-in for journald, whose entries tests read", doors: []string{"golang.org/x/sys"}},

	"workers/workerstest": {about: "what the pool relies on in a process, as test cases", imports: []string{"workers"}},

	"workers/process":  {about: "one worker: frames, output, end", imports: []string{"workers", "workers/supervisor"}},
	"control/commands": {about: "what each control command does", imports: []string{"control", "daemon/dispatch", "daemon/history", "daemon/message", "workers"}},
	"daemon/metrics": {
		about: "every metric, and their page", imports: []string{"daemon/dispatch", "daemon/message", "workers", "workers/supervisor", "pgnotify"},
		doors: []string{"github.com/prometheus/client_golang"},
	},
	"daemon/config/original": {
		about: "the Python original's YAML, put into our own terms", imports: []string{"pgnotify"},
		doors: []string{"go.yaml.in/yaml/v3"},
	},
	"daemon/config": {
		about:   "the configuration file",
		imports: []string{"cgroups", "control", "daemon/config/original", "daemon/dispatch", "daemon/history", "daemon/journal", "daemon/metrics", "daemon/policy", "daemon/schedule", "daemon/systemd", "pgnotify", "workers", "workers/process", "workers/supervisor"},
		doors:   []string{"github.com/BurntSushi/toml"},
	},

	"daemon": {about: "builds the parts, starts and stops them", imports: []string{
		"control", "control/commands", "daemon/config", "daemon/dispatch", "daemon/history", "daemon/message", "daemon/metrics", "daemon/policy",
		"daemon/schedule", "daemon/systemd", "pgnotify", "workers", "workers/process", "workers/supervisor",
	}},

	"cmd/dispatcherd":   {about: "the daemon and the supervisor", imports: []string{"control", "daemon", "daemon/config", "daemon/journal", "daemon/systemd", "workers/supervisor"}, doors: []string{"github.com/spf13/cobra"}},
	"cmd/dispatcherctl": {about: "asks the daemon and shows the answer", imports: []string{"control", "daemon/config", "daemon/journal", "daemon/message", "pgnotify"}, doors: []string{"github.com/spf13/cobra"}},
}

// Only tests import these.
var testModules = []string{
	"github.com/godbus/dbus/v5", "github.com/google/go-cmp", "go.uber.org/goleak", "pgregory.net/rapid", "github.com/rogpeppe/go-internal",
}

// os/exec starts processes: the supervisor its workers, the daemon the supervisor,
// dispatcherctl journalctl.
var mayExec = []string{"workers/supervisor", "daemon", "cmd/dispatcherctl"}

const module = "dispatcherd/"

func TestEveryPackageImportsOnlyWhatThePlanAllows(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	used := map[string]bool{} // "package import"
	eachGoFile(t, func(pkg, file string, imports []string) {
		if strings.HasPrefix(pkg, "tests") {
			return
		}
		seen[pkg] = true
		r, ok := plan[pkg]
		if !ok {
			t.Errorf("%s: package %s is not in the plan", file, pkg)
			return
		}
		isTest := strings.HasSuffix(file, "_test.go")
		for _, path := range imports {
			if !isTest {
				used[pkg+" "+strings.TrimPrefix(path, module)] = true
			}
			if reason := forbidden(pkg, r, path, isTest); reason != "" {
				t.Errorf("%s imports %s: %s", file, path, reason)
			}
		}
	})
	for pkg, r := range plan {
		if !seen[pkg] {
			t.Errorf("the plan names package %s, which is not there", pkg)
		}
		for _, other := range r.imports {
			if !used[pkg+" "+other] {
				t.Errorf("the plan lets %s import %s, which it does not", pkg, other)
			}
		}
	}
}

// forbidden says why pkg may not import path; "" when it may.
func forbidden(pkg string, r room, path string, isTest bool) string {
	within := func(modules []string) bool {
		return slices.ContainsFunc(modules, func(m string) bool { return path == m || strings.HasPrefix(path, m+"/") })
	}
	own, isOwn := strings.CutPrefix(path, module)
	switch {
	case isOwn && isTest:
		return "" // a test may ask anybody to help
	case isOwn && !slices.Contains(r.imports, own):
		return "its row in the plan does not list that"
	case isOwn:
		return ""
	case path == "os/exec" && !isTest && !slices.Contains(mayExec, pkg):
		return "only the supervisor, the daemon and dispatcherctl start processes"
	case !strings.Contains(strings.SplitN(path, "/", 2)[0], "."):
		return "" // the standard library
	case isTest && (within(testModules) || within(allDoors())):
		return ""
	case !within(r.doors):
		return "this module has its door elsewhere"
	}
	return ""
}

func allDoors() (doors []string) {
	for _, r := range plan {
		doors = append(doors, r.doors...)
	}
	return doors
}

func TestThePlanHasNoCycle(t *testing.T) {
	t.Parallel()
	var visit func(pkg string, path []string)
	visit = func(pkg string, path []string) {
		if slices.Contains(path, pkg) {
			t.Fatalf("cycle: %s", strings.Join(append(path, pkg), " -> "))
		}
		for _, next := range plan[pkg].imports {
			visit(next, append(slices.Clone(path), pkg))
		}
	}
	for pkg := range plan {
		visit(pkg, nil)
	}
}

func TestEveryPackageHasADocComment(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	fset := token.NewFileSet()
	eachGoFile(t, func(pkg, file string, _ []string) {
		f, err := parser.ParseFile(fset, filepath.Join("..", file), nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Error(err)
			return
		}
		if f.Doc != nil && !strings.HasSuffix(file, "_test.go") {
			documented[pkg] = true
		}
	})
	for pkg := range plan {
		if !documented[pkg] {
			t.Errorf("package %s has no doc comment", pkg)
		}
	}
}

func TestTheReadmesTableIsThePlan(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\| (.*) \\|$")
	listed := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(string(readme), -1) {
		listed[m[1]] = m[2]
	}
	for pkg, r := range plan {
		if listed[pkg] != r.about {
			t.Errorf("README says of %s: %q, the plan %q", pkg, listed[pkg], r.about)
		}
		delete(listed, pkg)
	}
	for pkg := range listed {
		t.Errorf("README lists package %s, which is not in the plan", pkg)
	}
}

func TestTheTopLevelIsFixed(t *testing.T) {
	t.Parallel()
	fixed := []string{
		"go.mod", "go.sum", "daemon", "workers", "cgroups", "pgnotify", "control", "cmd", "packaging",
		"tests", "Makefile", "README.md", "CONTRIBUTING.md", "LICENSE", "docs", "staticcheck.conf",
		"bin", "build", // made here, not committed
	}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(fixed, e.Name()) {
			t.Errorf("%s does not belong to the top level", e.Name())
		}
	}
}

func TestNoFileIsTooLong(t *testing.T) {
	t.Parallel()
	const longest = 600
	eachGoFile(t, func(_, file string, _ []string) {
		text, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Error(err)
			return
		}
		if n := strings.Count(string(text), "\n"); n > longest {
			t.Errorf("%s has %d lines, at most %d are allowed: it holds two nouns", file, n, longest)
		}
	})
}

// eachGoFile calls visit with each Go file of the project: its package's path
// and its own below the top level, and what it imports.
func eachGoFile(t *testing.T, visit func(pkg, file string, imports []string)) {
	t.Helper()
	fset := token.NewFileSet()
	files := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (name == "testdata" || name == "build" || (strings.HasPrefix(name, ".") && path != "..")) {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		var imports []string
		for _, i := range f.Imports {
			imports = append(imports, strings.Trim(i.Path.Value, `"`))
		}
		file, err := filepath.Rel("..", path)
		if err != nil {
			return err
		}
		files++
		visit(filepath.ToSlash(filepath.Dir(file)), file, imports)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatal("no Go file was found")
	}
}
