//go:build dispatcherd_stick

package daemon

import (
	"os"
	"os/signal"
	"syscall"

	"dispatcherd/daemon/message"
)

// stickable makes SIGUSR2 stick the dispatcher's loop, for the test of the watchdog. No
// program that is shipped is built with this tag.
func (d *Daemon) stickable(s *service) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR2)
	go func() { // for as long as the process lives
		<-asked
		m, err := message.Parse([]byte(`{"control": "stick", "delay": 0.001}`))
		if err == nil {
			err = s.dispatcher.Delay(m, func() { select {} })
		}
		d.log.Warn("the dispatcher's loop is stuck, as was asked for", "err", err)
	}()
}
