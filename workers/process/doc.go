// Package process is one worker as the pool sees it: frames over the worker's
// own socket, its output, its end. Everything that needs a parent's rights it
// asks of the supervisor.
package process
