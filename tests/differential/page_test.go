package differential

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"dispatcherd/tests/stand"
)

// pages are requests for the page of metrics: what is known to differ, and the bytes.
var pages = []struct{ by, request string }{
	{"", "GET /metrics HTTP/1.1\r\nHost: stage\r\n\r\n"},
	{"", "GET /metrics HTTP/1.1\r\nHost: stage\r\nAccept: */*\r\nUser-Agent: x\r\n\r\n"},
	{"", "GET /metrics HTTP/1.0\r\n\r\n"},
	{"", "GET /metrics HTTP/1.1\nHost: stage\n\n"},
	{"", "GET /metrics?name=x HTTP/1.1\r\nHost: stage\r\n\r\n"},
	{"", "GET /metrics/ HTTP/1.1\r\nHost: stage\r\n\r\n"},
	{"", "GET /other HTTP/1.1\r\nHost: stage\r\n\r\n"},
	{"", "POST /metrics HTTP/1.1\r\nHost: stage\r\nContent-Length: 2\r\n\r\n{}"},
	{"", "PUT / HTTP/1.1\r\nHost: stage\r\n\r\n"},
	{"", "get /metrics HTTP/1.1\r\nHost: stage\r\n\r\n"},
	{"page at the root", "GET / HTTP/1.1\r\nHost: stage\r\n\r\n"},
	{"head", "HEAD /metrics HTTP/1.1\r\nHost: stage\r\n\r\n"},
	{"no request", "nonsense\r\n\r\n"},
	{"no request", "GET /metrics\r\n\r\n"},
	{"no request", "\r\n\r\n"},
	{"request of no text", "GET /\xff HTTP/1.1\r\nHost: stage\r\n\r\n"},
	{"headers", "GET /metrics HTTP/1.1\r\n\r\n"},
	{"headers", "GET /metrics HTTP/1.1\r\nHost: stage\r\nnone\r\n\r\n"},
	{"no headers", "GET /metrics HTTP/1.1\r\nHost: stage\r\n"},
	{"", ""},
}

// page is a request for the page of metrics.
func (g *generator) page() []step {
	one := pick(g, pages...)
	if g.IntN(4) == 0 {
		one = pages[0]
	}
	return []step{{By: one.by, Texts: []string{one.request}}}
}

// series are those that both have; the values of counters are seen as what has been added.
var series = map[string]string{
	"dispatcher_messages_received_total":      "received_count",
	"dispatcher_control_messages_count_total": "control_count",
	"dispatcher_worker_count_total":           "",
}

// askForPage sends the bytes of a request and sees what is answered, and what is counted of it.
func (p *player) askForPage(one step, seen sight) error {
	if !p.config.Page {
		seen["skipped"] = "there is no page"
		return nil
	}
	answer, err := p.fetch(one.Texts[0], one.By == "no headers" || one.By == "" && one.Texts[0] == "")
	if err != nil {
		return err
	}
	p.seePage(seen, answer)
	counts, err := p.pageCounts()
	if err != nil {
		return err
	}
	p.put(seen, "http_server", counts)
	p.pages = counts
	return nil
}

// fetch returns all that comes back on a connection of its own, which ends with the request if it says so.
func (p *player) fetch(request string, ends bool) (string, error) {
	conn, err := net.Dial("tcp", net.JoinHostPort(p.host, pagePort))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(stand.Bound)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return "", err
	}
	if ends {
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			return "", err
		}
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// seePage takes an answer apart.
func (p *player) seePage(seen sight, answer string) {
	if answer == "" {
		seen["answer"] = "none"
		return
	}
	head, body, _ := strings.Cut(answer, "\r\n\r\n")
	reply, err := http.ReadResponse(bufio.NewReader(strings.NewReader(head+"\r\n\r\n")), nil)
	if err != nil {
		seen["answer"] = "garbled: " + answer
		return
	}
	defer reply.Body.Close()
	seen["answer"] = reply.Status
	for name := range reply.Header {
		seen["header."+name] = reply.Header.Get(name)
	}
	if length := reply.Header.Get("Content-Length"); length != "" {
		seen["header.Content-Length"] = fmt.Sprint("that of the body: ", length == strconv.Itoa(len(body)))
	}
	if reply.Header.Get("Connection") == "" && reply.Close {
		seen["header.Connection"] = "close" // ReadResponse takes it out
	}
	if reply.StatusCode != http.StatusOK {
		seen["body"] = body
		return
	}
	for line := range strings.Lines(body) {
		p.seeLine(seen, line)
	}
}

// seeLine sees a line of the page.
func (p *player) seeLine(seen sight, line string) {
	words := strings.Fields(line)
	if len(words) < 2 || !strings.HasSuffix(line, "\n") {
		seen["line."+line] = "is no line of a page"
		return
	}
	path := "series." + words[0]
	if words[0] == "#" {
		seen["series."+words[2]+"."+words[1]] = strings.Join(words[3:], " ")
		return
	}
	key, known := series[words[0]]
	if !known {
		seen[path] = "a figure"
		return
	}
	value, err := strconv.ParseFloat(words[1], 64)
	if key != "" { // less the player's own requests since the last look
		value -= number(p.last.main[key]) + float64(p.polls-p.last.polls)
	}
	seen[path] = fmt.Sprint(value, err)
}

// pageCounts is what the page has counted of its connections, once all of them are dealt with.
func (p *player) pageCounts() (counts map[string]any, err error) {
	_, err = p.await("all connections to the page are counted", func(state) bool {
		if counts, err = p.askForCounts(); err != nil {
			return true
		}
		sum := 0.0
		for key, n := range counts {
			if key != "connections_total" { // is_running is no number
				sum += number(n)
			}
		}
		return sum == number(counts["connections_total"])
	})
	return counts, err
}

func (p *player) askForCounts() (map[string]any, error) {
	if err := p.poll.Send(`{"control": "metrics", "reply_to": "x"}` + "\n"); err != nil {
		return nil, err
	}
	p.counted("socket-producer", 1)
	text, err := p.poll.Reply()
	if err != nil {
		return nil, err
	}
	reply, err := object(text)
	if err != nil {
		return nil, err
	}
	status, _ := reply["status"].(map[string]any)
	counts, ok := status["http_server"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the reply to metrics tells no counts: %s", text)
	}
	return counts, nil
}
