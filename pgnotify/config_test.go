package pgnotify_test

import (
	"strings"
	"testing"
	"time"

	"dispatcherd/pgnotify"
)

func TestDefaultsAreValid(t *testing.T) {
	t.Parallel()
	if err := pgnotify.DefaultConfig().Validate(); err != nil {
		t.Errorf("Validate = %v, want nil", err)
	}
}

func TestEachBadSettingIsNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		cfg  pgnotify.Config
		want []string
	}{
		{"all at once", pgnotify.Config{
			Conninfo:              "port=0",
			Channels:              []string{"good", "", "good", strings.Repeat("x", 64), "\xff"},
			DefaultPublishChannel: "zero\x00byte",
			MaxConnectionIdle:     -time.Second,
		}, []string{
			`brokers.pg_notify.conninfo: must hold a port from 1 to 65535`,
			`brokers.pg_notify.channels: must be a channel name of 1 to 63 bytes, got an empty one`,
			`brokers.pg_notify.channels: must be different names, got "good" twice`,
			`brokers.pg_notify.channels: must be a channel name of 1 to 63 bytes, got 64 bytes: "` + strings.Repeat("x", 64) + `"`,
			`brokers.pg_notify.channels: must be a channel name in UTF-8 without a zero byte, got "\xff"`,
			`brokers.pg_notify.default_publish_channel: must be a channel name in UTF-8 without a zero byte, got "zero\x00byte"`,
			`brokers.pg_notify.connect_timeout: must be more than 0s, got 0s`,
			`brokers.pg_notify.max_connection_idle: must be at least 0s (which turns the check off), got -1s`,
		}},
		{"nothing", pgnotify.Config{
			Conninfo: "host=db dbname=app", Channels: []string{"a", "ü-🐘", strings.Repeat("x", 63)}, ConnectTimeout: time.Second,
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := tt.cfg.Validate(); err != nil {
				got = err.Error()
			}
			if want := strings.Join(tt.want, "\n"); got != want {
				t.Errorf("Validate =\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestPublishChannelIsTheOneAskedForElseTheDefaultElseTheOnlyOne(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		asked, fallback string
		channels        []string
		want            string
	}{
		{"asked", "default", []string{"only"}, "asked"},
		{"", "default", []string{"only"}, "default"},
		{"", "", []string{"only"}, "only"},
		{"", "", []string{"one", "two"}, ""},
		{"", "", nil, ""},
		{strings.Repeat("x", 64), "default", nil, ""},
	} {
		cfg := pgnotify.Config{Channels: tt.channels, DefaultPublishChannel: tt.fallback}
		got, err := cfg.PublishChannel(tt.asked)
		if wrong := tt.want == ""; (err != nil) != wrong || !wrong && got != tt.want {
			t.Errorf("PublishChannel(%q) with default %q and channels %q = %q, %v, want %q", tt.asked, tt.fallback, tt.channels, got, err, tt.want)
		}
	}
}
