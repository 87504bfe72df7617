package cgroups

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Account is what the kernel has counted for a group and those below it since it was
// made. What this kernel does not count, or only with a controller that is not handed
// down to us, is 0.
type Account struct {
	CPU       time.Duration // user and system time
	Throttled time.Duration // spent waiting because of cpu.max
	// HasMemory says whether there is a memory controller, HasIO whether there is an io
	// controller.
	HasMemory, HasIO bool
	Memory           int64 // bytes now
	MemoryPeak       int64 // the most so far (Linux 5.19)
	FreshPeak        bool  // MemoryPeak is the most since Peak.Reset
	MemoryMax        int64 // the limit; 0: none
	MaxHits          int64 // how often the limit was reached
	OOMKills         int64 // processes that the out-of-memory killer has ended
	PIDs, PIDsPeak   int   // processes and threads now, and the most so far (pids.peak)
	Read, Written    int64 // bytes from and to block devices
}

// Account reads all of it. A group that is gone has none.
func (g *Group) Account() (Account, error) {
	r := reading{dir: g.dir}
	a := r.now()
	if text, ok := r.text("cpu.stat"); ok {
		a.CPU, a.Throttled = micros(text, "usage_usec"), micros(text, "throttled_usec")
	}
	if text, ok := r.text("memory.events"); ok {
		a.HasMemory = true
		a.OOMKills, _ = value(text, "oom_kill")
		a.MaxHits, _ = value(text, "max")
		a.MemoryPeak, a.MemoryMax = r.number("memory.peak"), r.number("memory.max")
	}
	a.PIDsPeak = int(r.number("pids.peak"))
	if text, ok := r.text("io.stat"); ok {
		a.HasIO = true
		a.Read, a.Written = sum(text, "rbytes="), sum(text, "wbytes=")
	}
	return a, r.failed
}

// Glance reads no more than what changes from moment to moment: Memory and PIDs.
func (g *Group) Glance() (Account, error) {
	r := reading{dir: g.dir}
	return r.now(), r.failed
}

// reading goes through the files of a group, and on where one is not there.
type reading struct {
	dir    string
	failed error
}

func (r *reading) now() Account {
	return Account{Memory: r.number("memory.current"), PIDs: int(r.number("pids.current"))}
}

func (r *reading) text(name string) (text string, ok bool) {
	text, err := read(r.dir, name)
	if err != nil && !gone(err) {
		r.failed = errors.Join(r.failed, err)
	}
	return text, err == nil
}

func (r *reading) number(name string) int64 {
	text, ok := r.text(name)
	if !ok {
		return 0
	}
	n, err := amount(text)
	if err != nil {
		r.failed = errors.Join(r.failed, fmt.Errorf("read %s/%s: %w", r.dir, name, err))
	}
	return n
}

// amount reads a file that holds one number, or "max", which is 0.
func amount(text string) (int64, error) {
	n, err := plainLimit(text)
	if n == math.MaxInt64 {
		n = 0
	}
	return n, err
}

func micros(text, key string) time.Duration {
	n, _ := value(text, key) // not there without the cpu controller
	return time.Duration(n) * time.Microsecond
}

// sum adds up what a key has for each device in the nested-keyed io.stat.
func sum(text, key string) (total int64) {
	for field := range strings.FieldsSeq(text) {
		if number, ok := strings.CutPrefix(field, key); ok {
			n, _ := strconv.ParseInt(number, 10, 64) // a device that counts nothing has no figures
			total += n
		}
	}
	return total
}
