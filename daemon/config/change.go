package config

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
)

// effect is what becomes of a field that a reload finds changed.
type effect int

const (
	live    effect = iota // it counts from now on
	restart               // it counts when the service is started again
	derived               // it is made of others, or is about the file itself
)

// effects has every field of a Config, and the key by which people know it. A field behind
// a pointer comes after the pointer, which stands for whether the section is there at all.
var effects = map[string]struct {
	key string
	effect
}{
	"File":                           {"", derived},
	"Version":                        {"version", derived},
	"NodeID":                         {"node_id", restart},
	"RandomNodeID":                   {"", derived},
	"ChunkMessageTimeout":            {"chunk_message_timeout", live},
	"Original":                       {"the format of the file", restart},
	"Unsafe":                         {"", derived},
	"Notes":                          {"", derived},
	"Pool.MinWorkers":                {"pool.min_workers", live},
	"Pool.MaxWorkers":                {"pool.max_workers", live},
	"Pool.HandAhead":                 {"pool.hand_ahead", live},
	"Pool.ScaledownWait":             {"pool.scaledown_wait", live},
	"Pool.ScaledownReserve":          {"pool.scaledown_reserve", live},
	"Pool.WorkerRemovalWait":         {"pool.worker_removal_wait", live},
	"Pool.WorkerMaxLifetime":         {"pool.worker_max_lifetime", live},
	"Pool.CancelGrace":               {"pool.cancel_grace", live},
	"Pool.ShutdownGrace":             {"pool.shutdown_grace", live},
	"Worker.Python":                  {"worker.python", live},
	"Worker.PythonPath":              {"worker.pythonpath", live},
	"Worker.WorkingDirectory":        {"worker.working_directory", live},
	"Worker.Preload":                 {"worker.preload", live},
	"Worker.Class":                   {"worker.class", live},
	"Worker.Kwargs":                  {"worker.kwargs", live},
	"Worker.IdleTimeout":             {"worker.idle_timeout", live},
	"Worker.Env":                     {"worker.env", live},
	"Worker.LeftoverProcesses":       {"worker.leftover_processes", live},
	"Worker.Tasks":                   {"worker.tasks", live},
	"Worker.TasksAllow":              {"worker.tasks_allow", live},
	"Worker.Credentials":             {"worker.credentials", live},
	"Worker.Settings":                {librarySettings, live},
	"PgNotify":                       {"brokers.pg_notify", restart},
	"PgNotify.Conninfo":              {"brokers.pg_notify.conninfo", live},
	"PgNotify.Passfile":              {"brokers.pg_notify.passfile", live},
	"PgNotify.Channels":              {"brokers.pg_notify.channels", live},
	"PgNotify.DefaultPublishChannel": {"brokers.pg_notify.default_publish_channel", live},
	"PgNotify.ConnectTimeout":        {"brokers.pg_notify.connect_timeout", live},
	"PgNotify.MaxConnectionIdle":     {"brokers.pg_notify.max_connection_idle", live},
	"PgNotifyControl":                {"brokers.pg_notify.control", live},
	"RefuseRun":                      {"producers.ControlProducer", live},
	"Socket.Path":                    {"brokers.socket.path", restart},
	"Rights.Submitters":              {"control.submitters", live},
	"Rights.Operators":               {"control.operators", live},
	"Rights.CancelWithoutFilter":     {"control.cancel_without_filter", live},
	"ControlBroker":                  {"", derived},
	"Schedule.OnStart":               {"on_start", restart},
	"Schedule.Schedule":              {"schedule", live},
	"Log.Level":                      {"log.level", live},
	"Metrics":                        {"metrics", restart},
	"Metrics.Listen":                 {"metrics.listen", restart},
	"Queue.MaxTasks":                 {"queue.max_tasks", live},
	"Queue.MaxBytes":                 {"queue.max_bytes", live},
	"Queue.OnFull":                   {"queue.on_full", live},
	"History.Size":                   {"history.size", restart},
	"Service.Ready":                  {"service.ready", restart},
	"Supervisor.Socket":              {"supervisor.socket", restart},
	"Cgroups.Require":                {"cgroups.require", restart},
	"Policy.Limits.MemoryHigh":       {"limits.memory_high", live},
	"Policy.Limits.MemoryMax":        {"limits.memory_max", live},
	"Policy.Limits.SwapMax":          {"limits.swap_max", live},
	"Policy.Limits.CPUQuota":         {"limits.cpu_quota", live},
	"Policy.Limits.CPUWeight":        {"limits.cpu_weight", live},
	"Policy.Limits.IOWeight":         {"limits.io_weight", live},
	"Policy.Limits.TasksMax":         {"limits.tasks_max", live},
	"Policy.Tasks":                   {"task", live},
	"Roomy":                          {"", derived},
}

// librarySettings stands for what workers are told of the file beside the section worker.
const librarySettings = "the settings that workers see"

// Changes are what a reload finds, by the keys of the file.
type Changes struct {
	Live    []string // they count from now on
	Restart []string // they count when the service is started again
	Workers bool     // workers of before must be replaced for it
}

// Reload reads the file of a configuration that is in use again. The result is what is to be
// used from now on: where a restart is needed, it has what it had before.
func Reload(now *Config) (*Config, Changes, error) {
	next, err := Load(now.File)
	if err != nil {
		return nil, Changes{}, err
	}
	if now.RandomNodeID && next.RandomNodeID {
		next.NodeID = now.NodeID // its name for as long as it runs
	}
	var c Changes
	c.adopt("", reflect.ValueOf(now).Elem(), reflect.ValueOf(next).Elem())
	if len(c.Restart) == 0 {
		return next, c, nil
	}
	if !next.Original {
		next.Worker.Settings = next.settings() // without what was taken back
	}
	rest := Changes{Restart: c.Restart}
	rest.adopt("", reflect.ValueOf(now).Elem(), reflect.ValueOf(next).Elem())
	return next, rest, nil
}

// adopt compares field by field, and takes back what cannot change.
func (c *Changes) adopt(path string, was, is reflect.Value) {
	switch {
	case is.Kind() == reflect.Pointer && !was.IsNil() && !is.IsNil():
		c.adopt(path, was.Elem(), is.Elem())
	case is.Kind() == reflect.Struct && !readsText(is.Type()):
		for i := range is.NumField() {
			c.adopt(inside(path, is.Type().Field(i)), was.Field(i), is.Field(i))
		}
	case !same(path, was, is):
		c.changed(path, was, is)
	}
}

func (c *Changes) changed(path string, was, is reflect.Value) {
	e, known := effects[path]
	switch {
	case !known, e.effect == restart:
		c.Restart = append(c.Restart, e.key)
		is.Set(was)
	case e.effect == live:
		c.Live = append(c.Live, e.key)
		c.Workers = c.Workers || strings.HasPrefix(path, "Worker.")
	}
}

// readsText says whether a field is one value for those who write the file.
func readsText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// inside is the path of a field in a struct.
func inside(path string, f reflect.StructField) string {
	if path == "" {
		return f.Name
	}
	return path + "." + f.Name
}

// same says whether a field has not changed. Of the settings that workers see, those of the
// service tell a task nothing: with them each change of the pool would replace the workers.
func same(path string, was, is reflect.Value) bool {
	if path == "Worker.Settings" {
		return reflect.DeepEqual(withoutService(was.Bytes()), withoutService(is.Bytes()))
	}
	if is.Kind() == reflect.Slice && was.Len() == 0 && is.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(was.Interface(), is.Interface())
}

func withoutService(settings []byte) map[string]json.RawMessage {
	var object map[string]json.RawMessage
	if json.Unmarshal(settings, &object) != nil {
		return nil // there are none
	}
	delete(object, "service")
	return object
}
