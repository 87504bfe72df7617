package config

// Load reads the file, TOML or the YAML of the Python original, and fills in the
// defaults. Its error is a Problems with everything that is wrong, not only the first.
func Load(path string) (*Config, error) {
	text, problem := read(path)
	if problem != nil {
		problem.File = path
		return nil, Problems{*problem}
	}
	c, problems := parse(path, text)
	if len(problems) > 0 {
		return nil, problems.sorted()
	}
	return c, nil
}

// parse returns a configuration, or problems; of a text that cannot be read at all,
// there is only what that is due to.
func parse(path string, text []byte) (*Config, Problems) {
	if isYAML(path, text) {
		c, _, problems := parseYAML(path, text)
		return c, problems
	}
	tree, at, problems := parseTOML(path, text)
	if tree == nil {
		return nil, problems
	}
	doc := newDocument()
	problems = append(problems, decode(path, at, tree, doc)...)
	c := doc.config(at)
	c.File = path
	problems = problems.addInvalid(path, at, doc.check(at))
	problems = problems.addInvalid(path, at, c.Validate())
	c.Worker.Settings = c.settings()
	problems = problems.addInvalid(path, at, c.checkSpec())
	c.Unsafe = unsafe(&c)
	return &c, problems
}
