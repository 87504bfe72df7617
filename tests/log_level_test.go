package tests

import (
	"strings"
	"testing"
)

// The log says at debug how each task ended that did well.
const taskEnded = "task ended"

// logging starts a daemon with the level of the file, and others options than usual.
func logging(t *testing.T, level string, options ...string) (d *daemon, toml string) {
	t.Helper()
	toml = config(t, "", "", "[log]\nlevel = \""+level+"\"\n")
	d = prepare(t, toml)
	d.args = append([]string{"--config", d.config}, options...)
	d.run()
	d.waitLog("dispatcherd is running")
	t.Cleanup(func() {
		d.stop()
		d.leftNothing()
	})
	return d, toml
}

// logs runs a task and tells whether its good end is in the log, which it is at debug.
func (d *daemon) logsEnds() bool {
	d.t.Helper()
	before := d.log.count(taskEnded)
	d.task("app.tasks.nothing")
	// What comes after the end is in the log only after it.
	printed := "printed after " + d.t.Name()
	lines := d.log.count(printed)
	d.task("app.tasks.shout", "--arg", quoted(printed))
	d.waitLogs(printed, lines+1)
	return d.log.count(taskEnded) > before
}

func TestLogLevelOfTheFileCountsAndChangesByReload(t *testing.T) {
	t.Parallel()
	d, toml := logging(t, "info")
	if d.logsEnds() {
		t.Error("at level info the good end of a task is in the log")
	}
	d.rewrite(strings.Replace(toml, `"info"`, `"debug"`, 1))
	d.wantReload(`"changed": ["log.level"]`, `"needs_restart": []`, `"workers_replaced": false`)
	if !d.logsEnds() {
		t.Error("after a reload to level debug the good end of a task is not in the log")
	}
	d.rewrite(strings.Replace(toml, `"info"`, `"loud"`, 1))
	const want = `log.level: must be debug, info, warning, error or critical, got "loud"`
	if a := d.reload(); a.code != 1 || !strings.Contains(strings.ReplaceAll(a.stderr, `\"`, `"`), want) {
		t.Errorf("a reload to a level that is none ended with %d, want %s:\n%s", a.code, want, a.stderr)
	}
	if !d.logsEnds() {
		t.Error("a reload that was refused has changed the level")
	}
}

func TestReloadTakesTheLevelOfTheFileAfterOneWasSet(t *testing.T) {
	t.Parallel()
	d, _ := logging(t, "info")
	d.ctl("set_log_level", "--level", "DEBUG")
	if !d.logsEnds() {
		t.Error("set_log_level did not set the level to debug")
	}
	d.wantReload(`"changed": []`)
	if d.logsEnds() {
		t.Error("a reload did not take the level of the file again")
	}
	if a := d.ctl("set_log_level", "--level", "ERROR"); !strings.Contains(a.stdout, "previous_level: NOTSET") {
		t.Errorf("after the reload the level was not the one of the file:\n%s", a.stdout)
	}
}

func TestLogLevelOfTheCommandLineComesBeforeTheFiles(t *testing.T) {
	t.Parallel()
	d, toml := logging(t, "error", "--log-level", "info")
	d.ctl("set_log_level", "--level", "DEBUG")
	d.rewrite(strings.Replace(toml, `"error"`, `"warning"`, 1))
	d.wantReload(`"changed": ["log.level"]`)
	if !d.logsEnds() {
		t.Error("a reload has changed the level, although the command line gives one")
	}
	d.ctl("set_log_level", "--level", "NOTSET")
	d.wantReload(`"changed": []`)
	d.waitLogs("the configuration is reloaded", 2)
}
