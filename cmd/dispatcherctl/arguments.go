package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"strings"

	"dispatcherd/daemon/message"
)

// taskArguments are the arguments of a task as they stand on the command line. Errors name the option and its number,
// or the name, never the value: it may be a secret.
type taskArguments struct {
	args   []string // JSON
	kwargs []string // NAME=JSON
	file   string   // of a JSON object; "-" is stdin
	limits []string // NAME=VALUE
}

// positional returns the values of --arg.
func (a *taskArguments) positional() ([]any, error) {
	values := make([]any, 0, len(a.args))
	for i, text := range a.args {
		value, err := message.Decode([]byte(text))
		if err != nil {
			return nil, notJSON(numberedOption("--arg", i))
		}
		values = append(values, value)
	}
	return values, nil
}

// named returns the values of the file and of --kwarg, which counts more.
func (a *taskArguments) named(stdin io.Reader) (map[string]any, error) {
	values := map[string]any{}
	if a.file != "" {
		object, err := readObject(a.file, stdin)
		if err != nil {
			return nil, err
		}
		maps.Copy(values, object)
	}
	for i, pair := range a.kwargs {
		name, text, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, usage("%s is not NAME=JSON", numberedOption("--kwarg", i))
		}
		value, err := message.Decode([]byte(text))
		if err != nil {
			return nil, notJSON("--kwarg " + name)
		}
		values[name] = value
	}
	return values, nil
}

// limited returns the values of --limit. Which there are is for the daemon to say.
func (a *taskArguments) limited() (map[string]any, error) {
	values := map[string]any{}
	for _, pair := range a.limits {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" || value == "" {
			return nil, usage("--limit %s is not NAME=VALUE, such as memory_max=512M", pair)
		}
		values[name] = value
	}
	return values, nil
}

func notJSON(option string) error {
	return usage(`%s is not JSON; quote text like '"text"'`, option)
}

// numberedOption is one of several options of the same name. A number beside the name would read as its value.
func numberedOption(option string, index int) string {
	words := []string{"first", "second", "third", "fourth", "fifth"}
	if index < len(words) {
		return "the " + words[index] + " " + option
	}
	return fmt.Sprintf("%s (number %d)", option, index+1)
}

func readObject(path string, stdin io.Reader) (map[string]any, error) {
	name := path
	var text []byte
	var err error
	if path == "-" {
		name = "standard input"
		text, err = io.ReadAll(stdin)
	} else {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read --kwargs-file: %w", err)
	}
	value, err := message.Decode(text)
	if err != nil {
		return nil, fmt.Errorf("--kwargs-file: %s is not JSON: %w", name, err)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("--kwargs-file: %s is not a JSON object", name)
	}
	return object, nil
}
