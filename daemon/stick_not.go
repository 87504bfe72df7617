//go:build !dispatcherd_stick

package daemon

// stickable does nothing: it is for a test with a program of its own.
func (*Daemon) stickable(*service) {}
