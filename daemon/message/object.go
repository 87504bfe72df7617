package message

// Object is a JSON object whose keys have an order, for those who show it. Names are not repeated.
type Object []Member

// Member is a key of an Object and its value.
type Member struct {
	Name  string
	Value any // what Encode takes
}

// appendOrdered writes the members in their order.
func appendOrdered(b []byte, object Object) []byte {
	b = append(b, '{')
	for i, m := range object {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendString(b, m.Name)
		b = append(b, ": "...)
		b = appendValue(b, m.Value)
	}
	return append(b, '}')
}
