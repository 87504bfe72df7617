package consumers

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

var awx = product{name: "awx", settings: "awx.settings", roles: []string{"awx"}, command: []string{"serve.py"}}

func TestInteropAWX(t *testing.T) {
	t.Parallel()
	everyWay(t, awx, func(t *testing.T, at *place) {
		at.wantControlProgram("awx-1")
		if at.way != asToday {
			at.wantMetrics()
		}
	})
}

// wantMetrics reads the page at the port that AWX gives.
func (p *place) wantMetrics() {
	p.t.Helper()
	var port string
	for _, variable := range p.env {
		if value, ok := strings.CutPrefix(variable, "CONSUMER_PORT="); ok {
			port = value
		}
	}
	page, err := http.Get("http://127.0.0.1:" + port + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer page.Body.Close()
	text, err := io.ReadAll(page.Body)
	if err != nil || !strings.Contains(string(text), "dispatcher_messages_received_total") {
		p.t.Errorf("%v, and the page of metrics is\n%s", err, text)
	}
}

// wantControlProgram runs the command that three products build of private names of the library.
func (p *place) wantControlProgram(node string) {
	p.t.Helper()
	role := p.product.roles[0]
	run := func(args ...string) string {
		return p.output(role, python(p.t), append([]string{p.script("dispatcherctl.py")}, args...)...)
	}
	if got, want := run("alive"), "- node_id: "+node+"\n"; got != want {
		p.t.Errorf("dispatcherctl alive prints %q, want %q", got, want)
	}
	if got := run("running", "--uuid", "nobody"); got != "- node_id: "+node+"\n" {
		p.t.Errorf("dispatcherctl running prints %q", got)
	}
	if got := run("workers"); !strings.Contains(got, "current_task: ") || !strings.Contains(got, "pid: ") {
		p.t.Errorf("dispatcherctl workers prints\n%s", got)
	}
}
