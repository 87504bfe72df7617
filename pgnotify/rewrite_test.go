package pgnotify

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestKeywordsTakeThePlaceOfOthers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		conninfo string
		keywords []Keyword
		want     string
	}{
		{"anything, even 'this", nil, "anything, even 'this"},
		{"", []Keyword{{"host", "/run/pg"}, {"dbname", "a b"}}, `host=/run/pg dbname='a b'`},
		{"host=x  dbname = 'it''s'", nil, "host=x  dbname = 'it''s'"},
		{"host=x port='1' user=\\'", []Keyword{{"port", "5432"}}, `host=x user=\' port=5432`},
		{"host=x", []Keyword{{"options", `-c "a\b'c"`}, {"user", ""}}, `host=x options='-c "a\\b\'c"' user=''`},
		{"postgres://me:pw@h:1/db?sslmode=require", []Keyword{{"dbname", "other one"}}, "postgres://me:pw@h:1/db?dbname=other%20one&sslmode=require"},
		{"postgres://h/db?application_name=a+b;c&port=1", []Keyword{{"port", "2"}}, "postgres://h/db?application_name=a%2Bb%3Bc&port=2"},
		{"postgresql://h1:1,h2:2/db", []Keyword{{"sslmode", "disable"}}, "postgresql://h1:1,h2:2/db?sslmode=disable"},
	} {
		if got, err := WithKeywords(tt.conninfo, tt.keywords...); got != tt.want || err != nil {
			t.Errorf("WithKeywords(%q, %q) = %q, %v, want %q", tt.conninfo, tt.keywords, got, err, tt.want)
		}
	}
}

func TestKeywordsThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		conninfo string
		keyword  Keyword
	}{
		{"hunter2", Keyword{"host", "x"}},
		{"password='hunter2", Keyword{"host", "x"}},
		{"postgres://me:hunter2@h:x y/", Keyword{"host", "x"}},
		{"postgres://me@h/?password=hunter2%", Keyword{"host", "x"}},
		{"", Keyword{"password=hunter2 host", "x"}},
		{"", Keyword{"password", "hunter2\x00"}},
	} {
		got, err := WithKeywords(tt.conninfo, tt.keyword)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("WithKeywords(%q, %q) = %q, %v, want an error without a secret", tt.conninfo, tt.keyword, got, err)
		}
	}
}

func TestPasswordsAreTakenOut(t *testing.T) {
	t.Parallel()
	for conninfo, want := range map[string]string{
		"":                                  "",
		"host=x password=hunter2 dbname=a":  "host=x dbname=a",
		`password = 'hun\'ter2' host='a b'`: "host='a b'",
		"sslpassword=hunter2 sslkey=/k":     "sslkey=/k",
		"password=a password=hunter2":       "",
		"passfile=/etc/pg.pass host=x":      "passfile=/etc/pg.pass host=x",
		"postgres://me:hunter2@h:1/db":      "postgres://me@h:1/db",
		"postgres://me@h/db?password=hunter2&sslmode=require&sslpassword=hunter2": "postgres://me@h/db?sslmode=require",
		"postgres://me@h/db?password=hunter2&sslkey=/a+b":                         "postgres://me@h/db?sslkey=%2Fa%2Bb",
		"postgres://me@h/db?options=-c%20a=1;2&sslkey=/k":                         "postgres://me@h/db?options=-c%20a%3D1%3B2&sslkey=%2Fk",
		"postgres://me@h/db?sslmode=%&password=hunter2":                           "",
		"postgres://:hunter2@h/db":                                                "postgres://@h/db",
		"host=x password='hunter2":                                                "",
		"postgres://me:hunter2@h:x y/":                                            "",
		"hunter2":                                                                 "",
	} {
		if got := WithoutPassword(conninfo); got != want {
			t.Errorf("WithoutPassword(%q) = %q, want %q", conninfo, got, want)
		}
	}
}

// What is written is what a connection is made with.
func TestKeywordsSurviveTheWriting(t *testing.T) {
	t.Parallel()
	text := rapid.StringOfN(rapid.RuneFrom([]rune(`ab'\ =@/é"`)), 1, 12, -1)
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]string{}
		var keywords []Keyword
		for _, name := range []string{"user", "dbname", "password", "application_name"} {
			want[name] = text.Draw(t, name)
			keywords = append(keywords, Keyword{name, want[name]})
		}
		for _, before := range []string{"", "user=x password='y z'", "postgres://u:p@host/db"} {
			conninfo, err := WithKeywords(before, keywords...)
			if err != nil {
				t.Fatalf("WithKeywords(%q, %q) = %v", before, keywords, err)
			}
			parsed, err := parseConninfo(conninfo)
			if err != nil {
				t.Fatalf("parseConninfo(%q) = %v", conninfo, err)
			}
			got := map[string]string{
				"user": parsed.User, "dbname": parsed.Database, "password": parsed.Password,
				"application_name": parsed.RuntimeParams["application_name"],
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q is read with other values (-given +read):\n%s", conninfo, diff)
			}
			if without := WithoutPassword(conninfo); !sameButPassword(without, want) {
				t.Errorf("WithoutPassword(%q) = %q, which has a password or lost something", conninfo, without)
			}
		}
	})
}

func sameButPassword(conninfo string, want map[string]string) bool {
	parsed, err := parseConninfo(conninfo)
	return err == nil && parsed.Password == "" && parsed.User == want["user"] && parsed.Database == want["dbname"]
}
