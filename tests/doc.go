// Package tests looks at the built programs from outside, with a real Postgres
// and the Python original's own library; beside that it keeps the rules of the
// floor plan.
package tests
