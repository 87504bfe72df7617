// Package journal writes the log: a slog.Handler that makes native entries of
// systemd's journal, with fields, or lines on standard error where there is no
// journal.
package journal
