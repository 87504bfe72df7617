package cgroups

import (
	"os"
	"path/filepath"
)

// Peak is memory.peak as one reader sees it: from Linux 6.12 on, writing to it begins a new
// peak for the open file. A nil Peak is one that is not to be had, and can be used.
type Peak struct {
	file  *os.File
	fresh bool // it was begun anew
}

// OpenPeak returns nil where the kernel lets nobody begin a new peak.
func (g *Group) OpenPeak() *Peak {
	f, err := os.OpenFile(filepath.Join(g.dir, "memory.peak"), os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	return &Peak{file: f}
}

// Reset begins a new peak.
func (p *Peak) Reset() {
	if p != nil {
		_, err := p.file.WriteAt([]byte("reset\n"), 0)
		p.fresh = err == nil
	}
}

// Read returns the most bytes since Reset; ok is false where that is not known.
func (p *Peak) Read() (bytes int64, ok bool) {
	if p == nil || !p.fresh {
		return 0, false
	}
	text := make([]byte, 32)
	n, _ := p.file.ReadAt(text, 0) // the end of the file is an error, and expected
	bytes, err := amount(string(text[:n]))
	return bytes, err == nil
}

// Close gives it up.
func (p *Peak) Close() {
	if p != nil {
		p.file.Close() // nothing was written that could be lost
	}
}
