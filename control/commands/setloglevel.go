package commands

import (
	"context"
	"fmt"
	"strings"

	"dispatcherd/daemon/message"
)

const errNoLevel wording = `Log level must be provided as a string or int via the "level" key.`

// setLogLevel changes what the daemon logs; the supervisor's log stays as it is.
func setLogLevel(t *Table, _ context.Context, c Call) (Answer, error) {
	data, err := c.object()
	if err != nil {
		return Answer{}, err
	}
	level, err := levelOf(data["level"])
	if err != nil {
		return Answer{}, err
	}
	previous := t.service.LogLevel().change(level)
	return Answer{Reply: map[string]any{
		"logger": "dispatcherd", "level": level.String(), "previous_level": previous.String(),
	}}, nil
}

// levelOf reads a level: an integer, or the name of one in any case.
func levelOf(value any) (pythonLevel, error) {
	switch v := value.(type) {
	case message.Number:
		return levelOfNumber(string(v))
	case string:
		level, ok := levelNames[strings.ToUpper(strings.TrimSpace(v))]
		if !ok {
			return "", wording(fmt.Sprintf("Unknown log level '%s'.", v))
		}
		return level, nil
	default:
		return "", errNoLevel
	}
}
