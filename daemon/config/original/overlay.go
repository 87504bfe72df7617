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
		key := Join(under, e.key)
		inner := f.at(e)
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
	for i := range f.items {
		t.within(Element(key, i), f.item(i))
	}
	for _, e := range f.entries {
		t.within(Join(key, e.key), f.at(e))
	}
}
