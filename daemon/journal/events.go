package journal

// Events are what an administrator acts on, by the name that a line of the log has in
// its attribute "event". The value is the MESSAGE_ID of its entry, by which
// packaging/systemd/dispatcherd.catalog tells the cause and what to do. An id is never
// changed, and never used for anything else.
var Events = map[string]string{
	"task-died":            "7af992d33eb34151995ca1f8f017b81a",
	"task-oom":             "0f67fbab7ae74eeaab4ce963800ef878",
	"task-killed":          "e275becb04984b288d122a52d6e153d4",
	"limit-absent":         "c7ba4bf8bdef4b52884ca99f8499873b",
	"crash-loop":           "cd108359ffc04e71bc817c35c34c1877",
	"crash-loop-over":      "9ab2f43c6f6847699e8c7f86499e5e71",
	"postgres-lost":        "b9d91fc5b82b4c3391b70501aa534291",
	"postgres-back":        "d945074289974f3c99e51e1bbb06a475",
	"pooler-found":         "a28295f94b6b49189e5f363a9a1a3e5a",
	"supervisor-lost":      "0667e75871ab4bdc8b4d0cc82e9cd5cc",
	"socket-taken":         "ffcfafb4b2a343748cd06d14a8547afe",
	"configuration-bad":    "b9838bfe576d4428af2319b4f1c2a9de",
	"configuration-unsafe": "bcc660a89bd8423b81dddf8bc88b356f",
	"queue-late":           "8a5a546b53a1491cac0474df1fa739a5",
	"queue-full":           "3d1f6c2b9e0a4f7c8b5de1a64c90f2b7",
	"queue-room":           "b6a90c4e17d8428f9c03a5e2d7416f8a",
	"postgres-full":        "e47d05a8c1b34f69a2d8907f5b3c61de",
	"drain":                "f7c1a29a786247c2a8ccc8962a56fa68",
}
