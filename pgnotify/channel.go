package pgnotify

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxChannelBytes is what an identifier of Postgres can hold (NAMEDATALEN less one); LISTEN would
// silently cut a longer name.
const maxChannelBytes = 63

// checkChannel says what is wrong with a channel's name. Any script and any sign is right, since
// names are always quoted.
func checkChannel(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("must be a channel name of 1 to %d bytes, got an empty one", maxChannelBytes)
	case len(name) > maxChannelBytes:
		return fmt.Errorf("must be a channel name of 1 to %d bytes, got %d bytes: %q", maxChannelBytes, len(name), name)
	case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return fmt.Errorf("must be a channel name in UTF-8 without a zero byte, got %q", name)
	}
	return nil
}
