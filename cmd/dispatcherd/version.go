package main

import "runtime/debug"

// release is set when a release is built: -ldflags "-X main.release=1.2.3".
var release string

// version says what was built: the release, or the commit.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return "0-" + s.Value[:min(12, len(s.Value))]
		}
	}
	return "0-unversioned"
}
