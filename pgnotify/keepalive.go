package pgnotify

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// keepAlive sets one of libpq's options of the TCP connection; 0 leaves it to the system, as there.
func keepAlive(d *net.Dialer, key, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return fmt.Errorf("must hold %s as a whole number, at least 0", key)
	}
	seconds := time.Duration(n) * time.Second
	if n == 0 {
		seconds = -1 // how net.KeepAliveConfig says "leave it"
	}
	switch key {
	case "keepalives":
		d.KeepAliveConfig.Enable = n != 0
		if n == 0 {
			d.KeepAlive = -1
		}
	case "keepalives_idle":
		d.KeepAliveConfig.Idle = seconds
	case "keepalives_interval":
		d.KeepAliveConfig.Interval = seconds
	case "keepalives_count":
		d.KeepAliveConfig.Count = n
		if n == 0 {
			d.KeepAliveConfig.Count = -1
		}
	case "tcp_user_timeout":
		d.Control = tcpUserTimeout(n)
	default:
		return fmt.Errorf("must hold only keywords that libpq knows, got one that begins with keepalives")
	}
	return nil
}

// tcpUserTimeout sets how many milliseconds sent data may stay unconfirmed (tcp(7)).
func tcpUserTimeout(milliseconds int) func(network, address string, c syscall.RawConn) error {
	const option = 0x12 // TCP_USER_TIMEOUT, which package syscall does not name
	return func(network, _ string, c syscall.RawConn) error {
		if !strings.HasPrefix(network, "tcp") {
			return nil
		}
		var set error
		err := c.Control(func(fd uintptr) {
			set = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, option, milliseconds)
		})
		return errors.Join(err, set)
	}
}
