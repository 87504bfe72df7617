package original

// plainWorker is the original's own worker class, which ours stands for.
const plainWorker = "dispatcherd.worker.task.TaskWorker"

func (t *Translation) worker(f field) {
	t.section(f, handlers{
		"worker_cls": func(f field) {
			if name, _ := f.text(); name != plainWorker {
				t.set("worker.class", f.plain(), f)
			}
		},
		"worker_kwargs": t.workerKwargs,
	}, notThere)
}

func (t *Translation) workerKwargs(f field) {
	if f.kind != mapping {
		t.problem(f, "must be a mapping, or be left out", f.typeName())
		return
	}
	kwargs := map[string]any{}
	for _, e := range f.entries {
		if e.key == "idle_timeout" {
			t.orOff("worker.idle_timeout")(f.at(e))
		} else {
			kwargs[e.key] = e.value.plain()
		}
	}
	if len(kwargs) > 0 {
		t.set("worker.kwargs", kwargs, f)
	}
}

// publish has nothing for the daemon: publishers and the control client read it.
func (t *Translation) publish(f field) {
	known := t.root.entry("brokers")
	broker := func(f field) {
		name, ok := f.text()
		if !ok {
			t.problem(f, "must be the name of a broker", f.shown())
		} else if known == nil || known.entry(name) == nil {
			t.note(f, "names no broker of this file, so that publishers fail")
		}
	}
	t.section(f, handlers{"default_broker": broker, "default_control_broker": broker}, notThere)
}

// pool is a section of the README's old example only; elsewhere it is a stranger.
func (t *Translation) pool(f field) {
	const place = "service.pool_kwargs"
	if producers := t.root.entry("producers"); producers != nil && producers.entry("brokers") != nil {
		t.problem(f, "must stand in "+place, "")
		return
	}
	t.note(f, "is ignored, as the original ignores it: the place of the pool's options is "+place)
}
