// Package original reads the YAML file of the Python original and puts it into the terms
// of our own file, so that one decoder, one set of checks and one document serve both.
//
// A text goes through four steps: syntax.go has it parsed, build.go makes a tree of it
// (anchors, merge keys, duplicates), scalar.go says what each plain word is, and
// translate.go walks the tree, section by section: brokers.go, producers.go, service.go,
// worker.go. overlay.go gives the last word to our own section, and settings.go makes what
// workers get.
package original
