package main

import (
	"strings"

	"dispatcherd/daemon/message"
)

// render writes the replies to a command in the form that was asked for.
func (o *options) render(command string, replies []any) string {
	switch o.output.text {
	case "json":
		return string(message.Encode(replies)) + "\n"
	case "table":
		return tables(command, replies)
	default:
		// The blank line at the end is there with the Python dispatcherctl, too.
		return yamlText(replies) + "\n"
	}
}

// renderEnd writes how a task has ended.
func (o *options) renderEnd(ended map[string]any) string {
	switch o.output.text {
	case "json":
		return string(message.Encode(ended)) + "\n"
	case "table":
		var out strings.Builder
		writeEnd(&out, ended)
		return out.String()
	default:
		return yamlText(ended)
	}
}
