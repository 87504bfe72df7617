// Package faults has a test for each of the known faults of the Python original: one act, which
// both services are put through, and what comes of it there and here. The original's half fails
// when its fault is gone: then the table in docs/compatibility.md is to be corrected.
package faults
