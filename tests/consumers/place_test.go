package consumers

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dispatcherd/tests/postgres"
	"dispatcherd/tests/stand"
)

// bound is how long anything may take. It says that something hangs, and is no measure.
const bound = 60 * time.Second

// way is how a product comes by its service.
type way string

const (
	asToday    way = "with the original"           // its service and its library
	byFile     way = "with the daemon, by file"    // the daemon reads what the product says; the library stays the original's
	byLibrary  way = "with the daemon, by library" // the product's own command starts the daemon
	library        = "../../workers/python"
	sharedCode     = "testdata/shared"
)

// product is one that uses dispatcherd.
type product struct {
	name     string
	settings string   // the module of its settings
	roles    []string // a service each; the first one's settings are the clients'
	command  []string // that starts the service
	file     string   // of its configuration; "" for one in Python
	unkept   string   // a key of that which the settings in Python do not have, so that the daemon hears of it by file only
}

// place is where a product runs.
type place struct {
	t        *testing.T
	product  product
	way      way
	dir      string
	database *postgres.Database
	env      []string
}

func newPlace(t *testing.T, p product, w way) *place {
	t.Helper()
	dir, err := os.MkdirTemp("", "c-") // t.TempDir can be too long for the path of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	at := &place{t, p, w, dir, postgres.Shared(t).NewDatabase(t), nil}
	paths := []string{filepath.Join("testdata", p.name), sharedCode}
	if w == byLibrary {
		paths = append(paths, library)
	}
	for i, path := range paths {
		if paths[i], err = filepath.Abs(path); err != nil {
			t.Fatal(err)
		}
	}
	at.env = append(os.Environ(),
		"PYTHONPATH="+strings.Join(paths, string(os.PathListSeparator)), "PYTHONDONTWRITEBYTECODE=1",
		"PATH="+filepath.Dir(python(t))+string(os.PathListSeparator)+os.Getenv("PATH"),
		"DJANGO_SETTINGS_MODULE="+p.settings, "DISPATCHERD_PROGRAM="+filepath.Join(programs, "dispatcherd"), "DISPATCHERD_LOG_FORMAT=logfmt",
		"CONSUMER_CONNINFO="+at.database.ConnInfo(), "CONSUMER_RECORD="+at.path("record"), "CONSUMER_SOCKET="+at.path("d.sock"),
		"CONSUMER_PORT="+at.metricsPort(), "CONSUMER_FILE="+at.path(p.file), "TMPDIR="+dir)
	if p.file != "" {
		at.configure()
	}
	return at
}

// configure writes the file that the product configures its service with.
func (p *place) configure() {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", p.product.name, p.product.file))
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(p.product.file, strings.Replace(string(text), "CONNINFO", fmt.Sprintf("%q", p.database.ConnInfo()), 1))
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

func (p *place) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(p.path(name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// of is the environment of a service, or of a client of it.
func (p *place) of(role string) []string {
	return append(p.env[:len(p.env):len(p.env)], "CONSUMER_ROLE="+role)
}

// output runs a program to its end, which must be a good one, and returns what it prints.
func (p *place) output(role, program string, args ...string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 2*bound)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = p.dir, p.of(role)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		p.giveUp(fmt.Sprintf("%s %s %s: %v\n%s%s", p.way, program, args, err, out, stderr.String()))
	}
	return string(out)
}

// script is the path of a Python program, of the product or of all of them.
func (p *place) script(name string) string {
	p.t.Helper()
	for _, dir := range []string{filepath.Join("testdata", p.product.name), sharedCode} {
		path, err := filepath.Abs(filepath.Join(dir, name))
		if err != nil {
			p.t.Fatal(err)
		}
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	p.t.Fatalf("%s has no %s", p.product.name, name)
	return ""
}

// python is the interpreter that has the original.
func python(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(stand.Venv(t), "bin", "python"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// metricsPort is one that nobody listens to; none for the original, which needs a library for its page that
// the tests do without.
func (p *place) metricsPort() string {
	p.t.Helper()
	if p.way == asToday {
		return ""
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		p.t.Fatal(err)
	}
	return port
}

// giveUp fails the test, with what the services have logged.
func (p *place) giveUp(reason string) {
	p.t.Helper()
	for _, role := range p.product.roles {
		if text, err := os.ReadFile(p.path("log-" + role)); err == nil {
			reason += "\nthe log of " + role + ":\n" + string(text)
		}
	}
	p.t.Fatal(reason)
}
