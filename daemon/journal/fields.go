package journal

import (
	"fmt"
	"log/slog"
)

// TaskUUID is the field that all entries about one run of a task have.
const TaskUUID = "DISPATCHERD_TASK_UUID"

// fieldNames are the attributes that become fields of their own; journalctl finds
// entries by them.
var fieldNames = map[string]string{
	"uuid":    TaskUUID,
	"task":    "DISPATCHERD_TASK",
	"worker":  "DISPATCHERD_WORKER",
	"outcome": "DISPATCHERD_OUTCOME",
	"channel": "DISPATCHERD_CHANNEL",
	"part":    "DISPATCHERD_PART",
	"stream":  "DISPATCHERD_STREAM",
	"logger":  "DISPATCHERD_LOGGER",

	// What a task has cost, and how its worker was ended.
	"run_seconds":       "DISPATCHERD_RUN_SECONDS",
	"queue_seconds":     "DISPATCHERD_QUEUE_SECONDS",
	"cpu_seconds":       "DISPATCHERD_CPU_SECONDS",
	"throttled_seconds": "DISPATCHERD_THROTTLED_SECONDS",
	"memory_peak_bytes": "DISPATCHERD_MEMORY_PEAK_BYTES",
	"memory_source":     "DISPATCHERD_MEMORY_SOURCE",
	"memory_max_bytes":  "DISPATCHERD_MEMORY_MAX_BYTES",
	"pids_peak":         "DISPATCHERD_PIDS_PEAK",
	"read_bytes":        "DISPATCHERD_READ_BYTES",
	"written_bytes":     "DISPATCHERD_WRITTEN_BYTES",
	"oom_kills":         "DISPATCHERD_OOM_KILLS",
	"leftovers":         "DISPATCHERD_LEFTOVERS",
	"killed_by":         "DISPATCHERD_KILLED_BY",
}

const (
	// streamKey marks what a worker has written itself: that is the whole message.
	streamKey = "stream"
	// eventKey names one of the events.
	eventKey = "event"
	partKey  = "part"
)

// field is one field of an entry.
type field struct{ name, value string }

// fieldOf returns the field that an attribute becomes; ok is false for one that stays
// in the message alone.
func fieldOf(a slog.Attr) (f field, ok bool) {
	if a.Key == eventKey {
		id, known := Events[a.Value.String()]
		return field{"MESSAGE_ID", id}, known
	}
	name, ok := fieldNames[a.Key]
	if !ok {
		return field{}, false
	}
	a.Value = a.Value.Resolve()
	return field{name, clip(nil, a).Value.String()}, true
}

// Match is what journalctl is asked for to show one run of a task.
func Match(uuid string) string {
	return fmt.Sprintf("%s=%s", TaskUUID, shorten(uuid, longestLabel))
}
