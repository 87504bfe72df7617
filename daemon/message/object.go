package message

import (
	"runtime"
	"slices"
)

// Object is a JSON object whose keys have an order, for those who show it. Names are not repeated.
type Object []Member

// Member is a key of an Object and its value.
type Member struct {
	Name  string
	Value any // what Encode takes
}

// breathe is after how many members of a large object others get the processor, who may have little to do.
const breathe = 256

// appendOrdered writes the members in their order.
func appendOrdered(b []byte, object Object) []byte {
	b = grow(b, object)
	b = append(b, '{')
	for i, m := range object {
		if i > 0 {
			b = append(b, ", "...)
		}
		if i%breathe == breathe-1 {
			runtime.Gosched()
		}
		b = appendString(b, m.Name)
		b = append(b, ": "...)
		b = appendValue(b, m.Value)
	}
	return append(b, '}')
}

// grow makes room for the messages in an object at once: there may be megabytes of them.
func grow(b []byte, object Object) []byte {
	size := 0
	for _, member := range object {
		if m, ok := member.Value.(*Message); ok {
			size += len(`"": , `) + len(member.Name) + len(m.Body)
		}
	}
	return slices.Grow(b, size)
}
