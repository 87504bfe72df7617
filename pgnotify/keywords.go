package pgnotify

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"
)

// applicationName is how our connections are called in pg_stat_activity, unless conninfo says otherwise.
const applicationName = "dispatcherd"

// keywords is what is left of conninfo after pgx has read it.
type keywords struct {
	server map[string]string // settings for the server
	dialer net.Dialer        // how a TCP connection is kept alive
}

// unsupported are keywords of libpq that change where or how safely we connect, and that pgx
// lacks. Ignoring one would be worse than refusing it.
var unsupported = []string{
	"gssdelegation", "hostaddr", "oauth_client_id", "oauth_client_secret", "oauth_issuer", "oauth_scope", "replication",
	"requirepeer", "scram_client_key", "scram_server_key", "sslcrl", "sslcrldir", "ssl_max_protocol_version", "ssl_min_protocol_version",
}

// takeKeywords sorts the keywords that pgx leaves to the server. An unknown one is named only when
// it cannot be a piece of a password that was not quoted.
func takeKeywords(left map[string]string, secret bool) (keywords, error) {
	k := keywords{
		server: map[string]string{"application_name": applicationName},
		dialer: net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}},
	}
	if name := left["fallback_application_name"]; name != "" {
		k.server["application_name"] = name
	}
	for _, key := range slices.Sorted(maps.Keys(left)) {
		value := left[key]
		switch {
		case slices.Contains([]string{"application_name", "client_encoding", "options", "timezone"}, key):
			k.server[key] = value
		case slices.Contains([]string{"fallback_application_name", "gsslib", "sslcompression"}, key):
		case key == "gssencmode" && value != "require", key == "load_balance_hosts" && value == "disable":
		case strings.HasPrefix(key, "keepalives"), key == "tcp_user_timeout":
			if err := keepAlive(&k.dialer, key, value); err != nil {
				return k, err
			}
		case slices.Contains(unsupported, key), key == "gssencmode", key == "load_balance_hosts":
			return k, fmt.Errorf("must do without %s, which is not supported here", key)
		case secret:
			return k, errors.New("must hold only keywords that libpq knows (the unknown one is not shown, it may be a piece of a password)")
		default:
			return k, fmt.Errorf("must hold only keywords that libpq knows, got %q", key)
		}
	}
	if encoding := strings.ToLower(k.server["client_encoding"]); encoding != "" {
		if !slices.Contains([]string{"auto", "utf8", "utf-8", "unicode"}, encoding) {
			return k, errors.New("must do without client_encoding, or have it UTF8")
		}
		k.server["client_encoding"] = "UTF8"
	}
	return k, nil
}
