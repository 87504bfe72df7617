package original

// ControlBroker is the broker that the original's dispatcherctl takes:
// publish.default_control_broker, else the only one there is, else
// publish.default_broker. It is empty where that does not decide.
func (t *Translation) ControlBroker() string {
	brokers := t.root.entry("brokers")
	switch name := t.publishes("default_control_broker"); {
	case name != "":
		return name
	case brokers != nil && len(brokers.entries) == 1:
		return brokers.entries[0].key
	}
	return t.publishes("default_broker")
}

// publishes is a name in the section publish; empty without one.
func (t *Translation) publishes(key string) string {
	publish := t.root.entry("publish")
	if publish == nil {
		return ""
	}
	value := publish.entry(key)
	if value == nil {
		return ""
	}
	name, _ := value.text()
	return name
}
