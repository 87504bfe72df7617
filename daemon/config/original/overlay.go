package original

// overlay lets the section dispatcherd, which the original ignores, have the last word:
// it has the keys of our own file.
func (t *Translation) overlay(f field) {
	t.lay(t.Tree, f, "")
}

func (t *Translation) lay(table map[string]any, f field, under string) {
	if f.kind != mapping {
		t.problem(f, "must be a mapping with keys of dispatcherd.toml", f.typeName())
		return
	}
	for _, e := range f.entries {
		key := join(under, e.key)
		inner := field{key: join(f.key, e.key), line: e.line, node: e.value}
		t.Places[key] = Place{inner.line, inner.key}
		below, ok := table[e.key].(map[string]any)
		if ok && e.value.kind == mapping {
			t.lay(below, inner, key)
			continue
		}
		table[e.key] = e.value.plain()
		t.within(key, inner)
	}
}

// within remembers the places of all that is in a value.
func (t *Translation) within(key string, f field) {
	t.Places[key] = Place{f.line, f.key}
	for i, item := range f.items {
		t.within(element(key, i), field{element(f.key, i), item.line, item})
	}
	for _, e := range f.entries {
		t.within(join(key, e.key), field{join(f.key, e.key), e.line, e.value})
	}
}
