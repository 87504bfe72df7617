package message

import "math"

// field is a key of a message that means something to us.
type field int

const (
	fieldNone field = iota
	fieldTask
	fieldUUID
	fieldArgs
	fieldKwargs
	fieldTimeout
	fieldDelay
	fieldOnDuplicate
	fieldControl
	fieldControlData
	fieldReplyTo
	fieldWait
	fieldPublished
	fieldChannel
	fieldLimits
	fieldCount
)

func fieldOf(name []byte) field {
	switch string(name) {
	case "task":
		return fieldTask
	case "uuid":
		return fieldUUID
	case "args":
		return fieldArgs
	case "kwargs":
		return fieldKwargs
	case "timeout":
		return fieldTimeout
	case "delay":
		return fieldDelay
	case "on_duplicate":
		return fieldOnDuplicate
	case "control":
		return fieldControl
	case "control_data":
		return fieldControlData
	case "reply_to":
		return fieldReplyTo
	case "wait":
		return fieldWait
	case "time_pub":
		return fieldPublished
	case "channel":
		return fieldChannel
	case "limits":
		return fieldLimits
	default:
		return fieldNone
	}
}

// fieldIndex says where in an object the values of our keys are.
type fieldIndex struct {
	at       [fieldCount]span
	repeated [fieldCount]bool // it is there more than once
}

// indexFields checks a text without whitespace around it and finds our keys in it. Of several equal keys the last one wins.
func indexFields(text []byte) (fieldIndex, error) {
	var index fieldIndex
	if len(text) > math.MaxUint32 {
		return index, errTooLong
	}
	if len(text) == 0 || text[0] != '{' {
		if err := skipDocument(text); err != nil {
			return index, err
		}
		return index, errNotObject
	}
	it := membersOf(text, 0, 1)
	for it.next() {
		f := fieldOf(it.name())
		index.repeated[f] = index.at[f].exists()
		index.at[f] = it.value
	}
	if it.err == nil && it.pos < len(text) {
		it.err = expected("the end", it.pos)
	}
	return index, it.err
}
