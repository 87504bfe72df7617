package config

// Default returns the configuration of an empty file, which is not yet one that
// a service can use: it has no broker.
func Default() Config {
	c := newDocument().config(outline{})
	c.Version = formatVersion
	return c
}
