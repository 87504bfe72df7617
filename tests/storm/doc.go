// Package storm does everything to a running service that can happen to one, under a flood of
// tasks, and counts by what the tasks have done what was lost and what ran twice: ours and the
// Python original in turns. docs/reliability.md says what is counted how.
package storm
