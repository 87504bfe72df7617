// Package control is the control socket and its client: lines in, lines out, who is calling, which commands exist.
// What a command does is not known here.
//
// The wire is UTF-8 JSON, one object per line, on a unix stream socket. Both sides may send an object in chunks, see
// package message.
package control
