// Package faults has a test for each of the known faults of the Python original: one act, which
// both services are put through on the same dispatcher.yml, and what comes of it there and here, in
// words. The original's half fails when its fault is gone: then the row in docs/compatibility.md
// is to be corrected.
//
// A test is named TestInteropFaultNN..., by the number of its row. Nothing is left to chance: tasks note in
// files what they do and wait for files (app.tasks), and so do the hooks of a worker class (app.gated), so
// that a race comes out as the test wants. Two things to know of the original on the way:
//
//   - What comes over Postgres together with a request that is answered is lost (fault 1): wait for the
//     reply before anything else is sent.
//   - While it connects to Postgres anew, a new client of its socket may get no answer, ever: wait for
//     the line in its log that it listens.
package faults
