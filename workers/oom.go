package workers

import (
	"fmt"
	"strconv"
	"strings"
)

// explainOOM says which processes of a task the out-of-memory killer has ended, how much
// memory there was and how much there could have been; "" when it has ended none. Of an
// end that says so already, it is the rest.
func (u Usage) explainOOM(said bool) string {
	if u.OOMKills == 0 {
		return ""
	}
	what := "out of memory"
	if said {
		what = ""
	}
	chosen := fmt.Sprintf("the kernel ended %d processes of it", u.OOMKills)
	if u.OOMKills == 1 {
		chosen = "the kernel ended a process of it"
	}
	if u.OOMVictim != "" {
		chosen += ": " + u.OOMVictim
	}
	return andThen(what, u.taken(), chosen)
}

// taken says how much memory was taken, and of how much.
func (u Usage) taken() string {
	switch {
	case u.MemoryPeak > 0 && u.MemoryMax > 0:
		return fmt.Sprintf("%s of %s were taken", size(u.MemoryPeak), size(u.MemoryMax))
	case u.MemoryPeak > 0:
		return size(u.MemoryPeak) + " were taken"
	case u.MemoryMax > 0:
		return "its limit is " + size(u.MemoryMax)
	default:
		return ""
	}
}

// andThen joins what is known of an end, one after the other.
func andThen(texts ...string) string {
	var known []string
	for _, text := range texts {
		if text != "" {
			known = append(known, text)
		}
	}
	return strings.Join(known, "; ")
}

// size writes bytes as limits are written: 512M, 1.5G.
func size(bytes int64) string {
	const units = "KMGT"
	value, unit := float64(bytes), ""
	for i := 0; value >= 1024 && i < len(units); i++ {
		value, unit = value/1024, units[i:i+1]
	}
	text := strconv.FormatFloat(value, 'f', 1, 64)
	return strings.TrimSuffix(text, ".0") + unit
}
