package tests

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const operations = "docs/operations.md"

// instance is the one that docs/operations.md has for an example, in place of %i.
const instance = "shop"

// unitFile is the file of packaging/systemd that a unit comes from: a template, for an instance.
func unitFile(unit string) string {
	if path.Ext(unit) == "" {
		unit += ".service"
	}
	return filepath.Join(units, strings.Replace(unit, "@"+instance, "@", 1))
}

// operationsCommands are the words of each command line in docs/operations.md, comments aside.
func operationsCommands(t *testing.T) (lines [][]string) {
	t.Helper()
	for line := range strings.Lines(readDocument(t, operations)) {
		command, indented := strings.CutPrefix(line, "    ")
		command, _, _ = strings.Cut(command, " #")
		if words := strings.Fields(command); indented && len(words) > 0 {
			lines = append(lines, words)
		}
	}
	if len(lines) < 30 {
		t.Fatalf("only %d command lines were found", len(lines))
	}
	return lines
}

func TestOperationsDocumentNamesUnitsThatAreThere(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile(`\bdispatcher[a-z-]*(?:@[a-z]+)?\.(?:service|socket|slice)\b`).FindAllString(readDocument(t, operations), -1)
	for _, words := range operationsCommands(t) {
		for _, word := range words[1:] {
			if (words[0] == "systemctl" || words[0] == "journalctl") && strings.HasPrefix(word, "dispatcherd") {
				named = append(named, word)
			}
		}
	}
	for _, unit := range named {
		if _, err := os.Stat(unitFile(unit)); err != nil {
			t.Errorf("%s names the unit %s: %v", operations, unit, err)
		}
	}
	for _, file := range unitNames(t) {
		if !strings.Contains(file, "@") && !slices.Contains(named, file) {
			t.Errorf("%s does not name the unit %s", operations, file)
		}
	}
}

// unitNames are the files of packaging/systemd that are units.
func unitNames(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(units)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if slices.Contains([]string{".service", ".socket", ".slice"}, path.Ext(e.Name())) {
			names = append(names, e.Name())
		}
	}
	return names
}

// hostPath is a path of the kinds that the package brings or its units name.
var hostPath = regexp.MustCompile(`/(?:etc|run|usr|var)/[a-zA-Z0-9_./@-]*[a-zA-Z0-9]`)

// packagedPaths are the paths that the spec installs and the units and the sample name, as they
// are and for the instance, and the directories above them.
func packagedPaths(t *testing.T) map[string]bool {
	t.Helper()
	text := strings.NewReplacer(
		"%{_bindir}", "/usr/bin", "%{_unitdir}", "/usr/lib/systemd/system", "%{_sysusersdir}", "/usr/lib/sysusers.d",
		"%{_tmpfilesdir}", "/usr/lib/tmpfiles.d", "%{_journalcatalogdir}", "/usr/lib/systemd/catalog", "%{_sysconfdir}", "/etc",
	).Replace(readDocument(t, "packaging/rpm/dispatcherd.spec"))
	entries, err := os.ReadDir(units)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		unit := readDocument(t, "packaging/systemd/"+e.Name())
		text += strings.NewReplacer("%i", instance, "NAME.service.d", instance+".service.d").Replace(unit)
	}
	paths := map[string]bool{}
	for _, found := range hostPath.FindAllString(text, -1) {
		for ; found != "/"; found = path.Dir(found) {
			paths[found] = true
		}
	}
	return paths
}

func TestOperationsDocumentNamesPathsOfThePackage(t *testing.T) {
	t.Parallel()
	paths, found := packagedPaths(t), 0
	for _, named := range hostPath.FindAllString(readDocument(t, operations), -1) {
		found++
		if !paths[named] && named != "/etc/dispatcherd/pgpass" { // which the reader makes
			t.Errorf("%s names %s, which neither the package nor a unit has", operations, named)
		}
	}
	if found < 20 {
		t.Errorf("only %d paths were found", found)
	}
}

func TestOperationsDocumentNamesSettingsOfTheUnits(t *testing.T) {
	t.Parallel()
	var settings strings.Builder
	for _, file := range unitNames(t) {
		settings.WriteString(strings.Join(unitSettings(t, file), "\n") + "\n")
	}
	found := regexp.MustCompile("`([A-Z][A-Za-z]+=)`").FindAllStringSubmatch(readDocument(t, operations), -1)
	for _, m := range found {
		if !strings.Contains(settings.String(), "\n"+m[1]) {
			t.Errorf("%s names %s, which no unit sets", operations, m[1])
		}
	}
	if len(found) < 3 {
		t.Errorf("only %d settings were found", len(found))
	}
}

func TestOperationsDocumentNamesCommandsAndOptionsOfThePrograms(t *testing.T) {
	t.Parallel()
	calls, options := 0, 0
	for _, words := range operationsCommands(t) {
		if words[0] == "runuser" {
			words = words[slices.Index(words, "--")+1:]
		}
		program, arguments := words[0], words[1:]
		if program != "dispatcherd" && program != "dispatcherctl" {
			continue
		}
		calls++
		help := helpOf(t, program, arguments)
		for _, word := range arguments {
			if !strings.HasPrefix(word, "-") {
				continue
			}
			options++
			if !regexp.MustCompile(`(?m)^ +(?:-\w, )?` + word + `\b`).MatchString(help) {
				t.Errorf("%s: %q: no option %s in\n%s", operations, words, word, help)
			}
		}
	}
	if calls < 12 || options < 8 {
		t.Errorf("only %d calls with %d options were found", calls, options)
	}
}

// helpOf is what a program says of the command that is among its arguments, which there has
// to be for dispatcherctl.
func helpOf(t *testing.T, program string, arguments []string) string {
	t.Helper()
	binary := filepath.Join(programs, program)
	if program == "dispatcherd" {
		return runCommand(t, t.TempDir(), binary, "--help")
	}
	command := arguments[0]
	if command == "--config" {
		command = arguments[2]
	}
	if !regexp.MustCompile(`(?m)^  ` + command + ` `).MatchString(runCommand(t, t.TempDir(), binary, "--help")) {
		t.Errorf("%s: dispatcherctl has no command %q", operations, command)
	}
	return runCommand(t, t.TempDir(), binary, command, "--help")
}

// sampleKeys are the keys of the sample, with their sections, those that are off included.
func sampleKeys(t *testing.T) (keys []string) {
	t.Helper()
	section := ""
	line := regexp.MustCompile(`(?m)^#?(?:\[+([a-z_.]+)\]+|([a-z_]+) = )`)
	for _, m := range line.FindAllStringSubmatch(readDocument(t, "packaging/systemd/dispatcherd.toml"), -1) {
		if m[1] != "" {
			section = m[1] + "."
			continue
		}
		keys = append(keys, section+m[2])
	}
	return keys
}

// Blocks of TOML are loaded by TestConfigurationsOfTheDocumentsAreWhatTheyShow.
func TestOperationsDocumentNamesKeysOfTheSample(t *testing.T) {
	t.Parallel()
	keys := sampleKeys(t)
	found := regexp.MustCompile("`((?:pool|worker|brokers|service|supervisor|control|metrics)\\.[a-z_.]+)`").FindAllStringSubmatch(readDocument(t, operations), -1)
	for _, m := range found {
		if !slices.Contains(keys, m[1]) {
			t.Errorf("%s names the key %s, which the sample has not: %v", operations, m[1], keys)
		}
	}
	if len(found) < 4 {
		t.Errorf("only %d keys were found", len(found))
	}
}

// exitCodes are the numbers in a document's table of them.
func exitCodes(t *testing.T, document string) (codes []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+) \| `).FindAllStringSubmatch(readDocument(t, document), -1) {
		codes = append(codes, m[1])
	}
	return codes
}

func TestExitCodesOfTheDaemonAreTheSameEverywhere(t *testing.T) {
	t.Parallel()
	want := exitCodes(t, "docs/design.md")
	named := regexp.MustCompile(`(?m)^\texit\w+ += (\d+)`).FindAllStringSubmatch(readDocument(t, "cmd/dispatcherd/root.go"), -1)
	for _, m := range named {
		if !slices.Contains(want, m[1]) {
			t.Errorf("docs/design.md lacks the exit code %s", m[1])
		}
	}
	if len(want) < 5 || len(named) < 2 {
		t.Errorf("docs/design.md has the exit codes %v, and the program names %v", want, named)
	}
	var page []string
	_, status, _ := strings.Cut(readDocument(t, "docs/man/dispatcherd.8"), `.SH "EXIT STATUS"`)
	for _, m := range regexp.MustCompile(`(?m)^\.TP\n(\d+)$`).FindAllStringSubmatch(status, -1) {
		page = append(page, m[1])
	}
	for name, got := range map[string][]string{operations: exitCodes(t, operations), "docs/man/dispatcherd.8": page} {
		if !slices.Equal(got, want) {
			t.Errorf("%s has the exit codes %v, want %v", name, got, want)
		}
	}
}
