// Package python is the Python half: the worker runtime with its fork server,
// and the library that marks tasks where a project does not bring its own. Both
// are embedded and installed where an interpreter can run them.
package python
