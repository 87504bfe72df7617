package main

import (
	"fmt"
	"io"
)

// writeProducers lists the sources of messages.
func writeProducers(out io.Writer, producers map[string]any) {
	if len(producers) == 0 {
		fmt.Fprintln(out, "no producers")
		return
	}
	c := newColumns(out, "PRODUCER", "PRODUCED", "UP", "RESTARTS", "SELF-CHECK", "STATE")
	for _, name := range sortedKeys(producers) {
		producer, ok := producers[name].(map[string]any)
		if !ok {
			c.row(printable(name), cell(producers[name]), "-", "-", "-", "-")
			continue
		}
		c.row(printable(name), cell(producer["produced_count"]), duration(producer["uptime_seconds"]),
			cell(producer["recycle_count"]), selfCheck(producer["broker_self_check"]), brokerState(producer))
	}
	c.end()
}

// brokerState says whether a source is reached, and if not, why. One that has nothing to reach does not tell.
func brokerState(producer map[string]any) string {
	state := connection(producer["connected"])
	if reason := cell(producer["last_error"]); producer["connected"] == false && reason != "-" {
		state += ": " + reason
	}
	return state
}

// connection makes an outage catch the eye.
func connection(connected any) string {
	switch connected {
	case true:
		return "connected"
	case false:
		return "NOT CONNECTED"
	default:
		return cell(connected)
	}
}

// selfCheck sums up how long messages to oneself take.
func selfCheck(value any) string {
	check, ok := value.(map[string]any)
	switch {
	case !ok:
		return "-"
	case check["enabled"] != true:
		return "off"
	case check["average_time_seconds"] == nil:
		return "none yet"
	default:
		return fmt.Sprintf("%s on average, %s at most", duration(check["average_time_seconds"]), duration(check["max_time_seconds"]))
	}
}
