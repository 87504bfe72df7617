package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// credentialOf makes what the service manager would give the service as the credential pg.
func credentialOf(t *testing.T, password string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if err := os.WriteFile(filepath.Join(dir, "pg"), []byte(password), 0o400); err != nil {
		t.Fatal(err)
	}
}

func TestWorkersGetACredentialOnlyIfTheyMay(t *testing.T) {
	credentialOf(t, "hunter2\n")
	for _, tt := range []struct{ section, worker, want string }{
		{`conninfo = "host=x"` + "\npassfile = 'credential:pg'", "false", `{"conninfo":"host=x"}`},
		{`conninfo = "host=x"` + "\npassfile = 'credential:pg'", "true", `{"conninfo":"host=x","password":"hunter2"}`},
		{`conninfo = "host=x passfile=credential:pg"`, "false", `{"conninfo":"host=x"}`},
		{`conninfo = "host=x passfile=credential:pg"`, "true", `{"conninfo":"host=x","password":"hunter2"}`},
		{`conninfo = "host=x"` + "\npassfile = '/etc/pass'", "false", `{"conninfo":"host=x","passfile":"/etc/pass"}`},
		{`conninfo = "host=x password=own passfile=credential:pg"`, "true", `{"conninfo":"host=x password=own"}`},
	} {
		c, problems := parse("x.toml", []byte("version = 2\n[worker]\ncredentials = "+tt.worker+"\n[brokers.pg_notify]\nchannels = ['jobs']\n"+tt.section+"\n"))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if !strings.Contains(string(c.Worker.Settings), `"pg_notify":{"channels":["jobs"],"config":`+tt.want+`}`) {
			t.Errorf("with %s and credentials = %s workers get %s, want config %s", tt.section, tt.worker, c.Worker.Settings, tt.want)
		}
	}
}

func TestWorkersOfYAMLGetACredentialOnlyIfTheyMay(t *testing.T) {
	credentialOf(t, "hunter2\n")
	for _, tt := range []struct{ config, more, want string }{
		{"{host: x, passfile: 'credential:pg'}", "", `{"host":"x","password":"hunter2"}`},
		{"{host: x, passfile: 'credential:pg'}", "dispatcherd: {worker: {credentials: no}}\n", `{"host":"x"}`},
		{"{conninfo: 'host=x passfile=credential:pg', autocommit: true}", "", `{"conninfo":"host=x","autocommit":true,"password":"hunter2"}`},
		{"{conninfo: 'host=x passfile=credential:pg'}", "dispatcherd: {worker: {credentials: no}}\n", `{"conninfo":"host=x"}`},
		{"{conninfo: 'host=x'}", "dispatcherd: {brokers: {pg_notify: {passfile: 'credential:pg'}}}\n", `{"conninfo":"host=x","password":"hunter2"}`},
		{"{conninfo: 'host=x passfile=/etc/pass'}", "", `{"conninfo":"host=x passfile=/etc/pass"}`},
	} {
		c := fromYAML(t, "version: 2\nbrokers: {pg_notify: {config: "+tt.config+", channels: [jobs]}}\n"+tt.more)
		if !strings.Contains(string(c.Worker.Settings), `"config":`+tt.want) {
			t.Errorf("with %s %s workers get %s, want config %s", tt.config, tt.more, c.Worker.Settings, tt.want)
		}
	}
}

func TestMissingCredentialIsAProblemOfTheFileInAService(t *testing.T) {
	const text = "version = 2\n[brokers.pg_notify]\nchannels = ['jobs']\npassfile = 'credential:db'\n"
	credentialOf(t, "hunter2")
	_, problems := parse("x.toml", []byte(text))
	const want = "x.toml:4: brokers.pg_notify.passfile: the credential db is not there: put the password into the file that LoadCredential= in the service's unit names, then restart the service"
	if len(problems) != 1 || problems[0].String() != want {
		t.Errorf("problems are %v, want %s", problems, want)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, problems = parse("x.toml", []byte(text)); len(problems) > 0 {
		t.Errorf("outside a service: %v", problems)
	}
}
