package tests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// caller is a connection to the control socket that sends whatever a test
// wants, of which dispatcherctl would never send the most.
type caller struct {
	t    *testing.T
	nc   *net.UnixConn
	read *bufio.Reader
}

// connect opens a connection that is closed at the end of the test.
func (d *daemon) connect() *caller {
	d.t.Helper()
	nc, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: d.socket, Net: "unix"})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(bound)); err != nil {
		d.t.Fatal(err)
	}
	return &caller{t: d.t, nc: nc, read: bufio.NewReader(nc)}
}

// send writes each text as a line.
func (c *caller) send(lines ...string) {
	c.t.Helper()
	c.write(strings.Join(lines, "\n") + "\n")
}

// write writes the text as it is.
func (c *caller) write(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.nc, text); err != nil {
		c.t.Fatalf("send %.100q: %v", text, err)
	}
}

// reply reads one reply, which may have come in chunks, and returns its text.
func (c *caller) reply() string {
	c.t.Helper()
	text, err := c.next()
	if err != nil {
		c.t.Fatalf("read a reply: %v, after %.100q", err, text)
	}
	return text
}

// next is reply for other goroutines than the test's.
func (c *caller) next() (string, error) {
	var whole strings.Builder
	for {
		line, err := c.read.ReadString('\n')
		if err != nil {
			return line, err
		}
		var part struct {
			Chunk        string `json:"__dispatcherd_chunk__"`
			Index, Total int
			Payload      string
		}
		if json.Unmarshal([]byte(line), &part) != nil || part.Chunk == "" {
			return line, nil // no chunk; NaN is no JSON for this decoder
		}
		whole.WriteString(part.Payload)
		if part.Index == part.Total-1 {
			return whole.String(), nil
		}
	}
}

// expect reads a reply, which must hold each text.
func (c *caller) expect(texts ...string) {
	c.t.Helper()
	got := c.reply()
	for _, want := range texts {
		if !strings.Contains(got, want) {
			c.t.Errorf("reply %.500s has no %s", got, want)
		}
	}
}

// expectEnd reads on until the daemon has closed the connection, after nothing more.
func (c *caller) expectEnd() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.read); err != nil || len(rest) > 0 {
		c.t.Errorf("the connection ended with %v after %.200q, want its plain end", err, rest)
	}
}

// alive shows that the connection is served.
func (c *caller) alive() {
	c.t.Helper()
	if err := c.isAlive(); err != nil {
		c.t.Error(err)
	}
}

// isAlive is alive for other goroutines than the test's.
func (c *caller) isAlive() error {
	if _, err := io.WriteString(c.nc, `{"control": "alive", "reply_to": "me"}`+"\n"); err != nil {
		return err
	}
	text, err := c.next()
	if err != nil || strings.TrimSpace(text) != `{"node_id": "test"}` {
		return fmt.Errorf("alive was answered with %.500q, %v", text, err)
	}
	return nil
}
