package original

import (
	"net"
	"strconv"
)

const notThere = "is ignored: it is no option of the original, which ignores it too"

// service translates the section about the pool, the processes and the service itself.
func (t *Translation) service(f field) {
	t.section(f, handlers{
		"pool_kwargs":            t.poolKwargs,
		"main_kwargs":            t.mainKwargs,
		"metrics_kwargs":         t.metricsKwargs,
		"process_manager_cls":    t.processManager,
		"process_manager_kwargs": t.processManagerKwargs,
		"min_workers":            t.misplaced(f, "min_workers"),
		"max_workers":            t.misplaced(f, "max_workers"),
		"task_settings":          t.ignored("is ignored, as the original ignores it: a timeout is given with @task or in the message, and nothing is tried again"),
	}, notThere)
}

func (t *Translation) poolKwargs(f field) {
	t.section(f, handlers{
		"min_workers":                 t.as("pool.min_workers"),
		"max_workers":                 t.orDefault("pool.max_workers"),
		"scaledown_wait":              t.seconds("pool.scaledown_wait"),
		"scaledown_interval":          t.ignored("has no effect: workers are looked after when something happens, not every so often"),
		"scaledown_reserve":           t.as("pool.scaledown_reserve"),
		"worker_stop_wait":            t.seconds("pool.cancel_grace"),
		"worker_removal_wait":         t.seconds("pool.worker_removal_wait"),
		"worker_max_lifetime_seconds": t.lifetime,
		"results_read_timeout":        t.ignored("has no effect: results are read when they come"),
		"shutdown_task_grace_period":  t.orOff("pool.shutdown_grace"),
	}, noArgument)
}

func (t *Translation) lifetime(f field) {
	if v, ok := f.number(); ok && v == 0 {
		t.note(f, "means for ever: with 0 the original would replace its workers without end")
	}
	t.orOff("pool.worker_max_lifetime")(f)
}

// misplaced takes a size of the pool that stands where the original does not look.
func (t *Translation) misplaced(service field, name string) func(field) {
	return func(f field) {
		if pool := service.entry("pool_kwargs"); pool != nil && pool.kind == mapping && pool.entry(name) != nil {
			t.note(f, "is ignored: "+Join("service.pool_kwargs", name)+" says it")
			return
		}
		t.note(f, "is taken, although the original ignores it here: its place is "+Join("service.pool_kwargs", name))
		if !f.isNull() {
			t.set("pool."+name, f.plain(), f)
		}
	}
}

// settle raises a maximum below the minimum, as the original's pool behaves.
func (t *Translation) settle() {
	pool, _ := t.Tree["pool"].(map[string]any)
	least, ok := pool["min_workers"].(int64)
	if !ok {
		least = 1
	}
	most, ok := pool["max_workers"].(int64)
	if ok && most >= 0 && most < least {
		at := t.Places["pool.max_workers"]
		pool["max_workers"] = least
		t.note(field{key: at.Key, line: at.Line}, "is below min_workers; there are "+strconv.FormatInt(least, 10)+" workers, as with the original")
	}
}

func (t *Translation) mainKwargs(f field) {
	if f.falsy() {
		return
	}
	t.section(f, handlers{
		"node_id":                       t.nodeID,
		"chunk_message_timeout_seconds": t.chunkTimeout,
	}, noArgument)
}

func (t *Translation) nodeID(f field) {
	if f.falsy() {
		return
	}
	if _, ok := f.text(); !ok && f.kind == scalar {
		t.note(f, "is taken as a text")
		t.set("node_id", string(f.appendJSON(nil)), f)
		return
	}
	t.set("node_id", f.plain(), f)
}

func (t *Translation) chunkTimeout(f field) {
	if d, ok := t.duration(f); ok {
		t.set("chunk_message_timeout", max(d, 0).String(), f)
	}
}

func (t *Translation) metricsKwargs(f field) {
	if f.isNull() {
		return
	}
	host, port := "localhost", int64(8070)
	t.section(f, handlers{
		"host": func(f field) {
			text, ok := f.text()
			if !ok && !f.isNull() {
				t.problem(f, "must be a host name or an address", f.shown())
			}
			host = text // none means every address
		},
		"port": func(f field) {
			n, ok := f.scalar.(int64)
			if !ok || n < 0 || n > 65535 {
				t.problem(f, "must be a port from 1 to 65535", f.shown())
				return
			}
			port = n
		},
	}, noArgument)
	t.set("metrics.listen", net.JoinHostPort(host, strconv.FormatInt(port, 10)), f)
}

func (t *Translation) processManager(f field) {
	name, _ := f.text()
	switch name {
	case "ForkServerManager":
	case "ProcessManager", "SpawnServerManager":
		t.note(f, "has no effect: workers are always forked from a server that has loaded the preload modules")
	default:
		t.problem(f, "must be ForkServerManager, ProcessManager or SpawnServerManager", f.shown())
	}
}

func (t *Translation) processManagerKwargs(f field) {
	t.section(f, handlers{"preload_modules": t.orDefault("worker.preload")}, noArgument)
}
