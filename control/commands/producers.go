package commands

import "context"

// producers describes where messages come from.
func producers(t *Table, _ context.Context, _ Call) (Answer, error) {
	return Answer{Reply: t.service.Producers()}, nil
}
