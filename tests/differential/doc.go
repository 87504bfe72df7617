// Package differential gives one script to the service of the Python original and to ours, and
// compares what comes of each step. README.md says what a script reaches.
package differential
