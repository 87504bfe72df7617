// Package workers owns the pool: how many worker processes there are, which
// state each is in and which task each runs.
//
// It knows no process, no cgroup and no queue. A [Launcher] starts a [Process]
// and the pool talks to it; what has happened comes back as an [Event].
package workers
