package message

// SetLabels makes Body say UUID and Channel, where the argument is not empty: the value of the key is replaced, or the key
// is added, and afterwards it is there only once. A change makes a new Body and leaves the old one as it was.
func (m *Message) SetLabels(uuid, channel string) {
	if !m.at.known {
		fields, err := indexFields(m.Body)
		if err != nil {
			return // Body is no object, so no message that Parse made: there is nothing to change
		}
		m.place(&fields)
	}
	if m.saysUUID(uuid) {
		uuid = ""
	}
	if m.saysChannel(channel) {
		channel = ""
	}
	switch {
	case uuid == "" && channel == "":
	case uuid != "" && m.at.uuid.exists(), channel != "" && m.at.channel.exists():
		m.rewrite(uuid, channel)
	default:
		m.extend(uuid, channel)
	}
}

func (m *Message) saysUUID(uuid string) bool {
	return m.at.uuid.exists() && !m.at.uuidRepeated && labelOf(m.at.uuid.of(m.Body)) == uuid
}

func (m *Message) saysChannel(channel string) bool {
	raw := m.at.channel.of(m.Body)
	return raw != nil && !m.at.channelRepeated && raw[0] == '"' && unquote(raw) == channel
}

// extend adds labels that Body does not have. Everything else stays in its place.
func (m *Message) extend(uuid, channel string) {
	b := make([]byte, 0, len(m.Body)+labelRoom("uuid", uuid)+labelRoom("channel", channel))
	b = append(b, m.Body[:len(m.Body)-1]...)
	empty := m.Body[skipSpace(m.Body, 1)] == '}'
	add := func(at *span, key, value string) {
		if value == "" {
			return
		}
		if !empty {
			b = append(b, ", "...)
		}
		empty = false
		start := len(b) + len(key) + len(`"": `)
		b = appendMember(b, key, value)
		*at = spanOf(start, len(b))
	}
	add(&m.at.uuid, "uuid", uuid)
	add(&m.at.channel, "channel", channel)
	m.Body = append(b, '}')
}

// labelRoom is what a label takes, if its value needs no escapes.
func labelRoom(key, value string) int {
	if value == "" {
		return 0
	}
	return len(`, "": ""`) + len(key) + len(value)
}

// rewrite replaces labels in place, the first of several, and leaves out the others. A label that is not there yet comes at the end.
func (m *Message) rewrite(uuid, channel string) {
	b := make([]byte, 1, len(m.Body)+labelRoom("uuid", uuid)+labelRoom("channel", channel))
	b[0] = '{'
	separate := func() {
		if len(b) > 1 {
			b = append(b, ", "...)
		}
	}
	add := func(key string, value *string) {
		if *value == "" {
			return
		}
		separate()
		b = appendMember(b, key, *value)
		*value = ""
	}
	setUUID, setChannel := uuid != "", channel != ""
	for it := membersOf(m.Body, 0, 1); it.next(); {
		switch f := fieldOf(it.name()); {
		case f == fieldUUID && setUUID:
			add("uuid", &uuid)
		case f == fieldChannel && setChannel:
			add("channel", &channel)
		default:
			separate()
			b = append(b, m.Body[it.key.start:it.value.end]...)
		}
	}
	add("uuid", &uuid)
	add("channel", &channel)
	m.Body = append(b, '}')
	m.at.known = false
	if fields, err := indexFields(m.Body); err == nil {
		m.place(&fields)
	}
}
