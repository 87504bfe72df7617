package pgnotify

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Keyword is one setting of a conninfo.
type Keyword struct{ Name, Value string }

// IsPassword tells whether the value of a keyword is a secret.
func IsPassword(keyword string) bool { return keyword == "password" || keyword == "sslpassword" }

var keywordName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// WithKeywords returns conninfo with keywords in the place of those of the same name. No
// error holds a part of either.
func WithKeywords(conninfo string, keywords ...Keyword) (string, error) {
	if len(keywords) == 0 {
		return conninfo, nil
	}
	for _, k := range keywords {
		if !keywordName.MatchString(k.Name) || strings.ContainsRune(k.Value, 0) {
			return "", errors.New("must hold only keywords that libpq knows, with values without zero bytes")
		}
	}
	if isURL(conninfo) {
		return urlWith(conninfo, keywords)
	}
	pairs, ok := splitPairs(conninfo)
	if !ok {
		return "", errors.New("must be keyword=value pairs, a value with blanks in '...', or a postgres:// URL")
	}
	return joinPairs(replaced(pairs, keywords)), nil
}

// replaced returns pairs with keywords in the place of those of the same name.
func replaced(pairs, keywords []Keyword) []Keyword {
	pairs = slices.DeleteFunc(pairs, func(p Keyword) bool {
		return slices.ContainsFunc(keywords, func(k Keyword) bool { return k.Name == p.Name })
	})
	return append(pairs, keywords...)
}

// WithoutPassword returns conninfo without its passwords; nothing of one that is
// malformed, in which a password could be anywhere.
func WithoutPassword(conninfo string) string {
	return without(conninfo, IsPassword)
}

// without returns conninfo less the keywords that are to be dropped; nothing of one that is malformed.
func without(conninfo string, drop func(keyword string) bool) string {
	if isURL(conninfo) {
		u, err := url.Parse(conninfo)
		if err != nil {
			return ""
		}
		if u.User != nil && drop("password") {
			u.User = url.User(u.User.Username())
		}
		query, ok := splitQuery(u.RawQuery)
		if !ok {
			return ""
		}
		u.RawQuery = joinQuery(slices.DeleteFunc(query, func(p Keyword) bool { return drop(p.Name) }))
		return u.String()
	}
	pairs, ok := splitPairs(conninfo)
	if !ok {
		return ""
	}
	return joinPairs(slices.DeleteFunc(pairs, func(p Keyword) bool { return drop(p.Name) }))
}

// keyword returns the value of a keyword, the last one as with libpq; "" where there is none, or
// conninfo is malformed.
func keyword(conninfo, name string) (value string) {
	pairs, _ := splitPairs(conninfo)
	if isURL(conninfo) {
		_, query, _ := strings.Cut(conninfo, "?")
		pairs, _ = splitQuery(query)
	}
	for _, p := range pairs {
		if p.Name == name {
			value = p.Value
		}
	}
	return value
}

func isURL(conninfo string) bool {
	return strings.HasPrefix(conninfo, "postgres://") || strings.HasPrefix(conninfo, "postgresql://")
}

func urlWith(conninfo string, keywords []Keyword) (string, error) {
	u, err := url.Parse(conninfo)
	if err != nil {
		return "", errURL
	}
	query, ok := splitQuery(u.RawQuery)
	if !ok {
		return "", errURL
	}
	u.RawQuery = joinQuery(replaced(query, keywords))
	return u.String(), nil
}

var errURL = errors.New("must be a whole postgres:// URL, with special characters percent-encoded")

// splitQuery reads what stands behind the question mark as libpq does, for which + is a
// plus and ; no separator.
func splitQuery(query string) (pairs []Keyword, ok bool) {
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err1 := url.PathUnescape(name)
		value, err2 := url.PathUnescape(value)
		if err1 != nil || err2 != nil {
			return nil, false
		}
		pairs = append(pairs, Keyword{name, value})
	}
	return pairs, true
}

// joinQuery writes what both libpq and Go read as it was, by keyword.
func joinQuery(pairs []Keyword) string {
	slices.SortStableFunc(pairs, func(a, b Keyword) int { return strings.Compare(a.Name, b.Name) })
	texts := make([]string, len(pairs))
	for i, p := range pairs {
		texts[i] = url.PathEscape(p.Name) + "=" + strings.ReplaceAll(url.QueryEscape(p.Value), "+", "%20")
	}
	return strings.Join(texts, "&")
}

// splitPairs reads keyword=value pairs as libpq does: blanks around =, values in '...',
// and \ before a letter that is meant as it is.
func splitPairs(conninfo string) (pairs []Keyword, ok bool) {
	const blanks = " \t\n\r\v\f"
	for rest := strings.TrimLeft(conninfo, blanks); rest != ""; rest = strings.TrimLeft(rest, blanks) {
		name, after, found := strings.Cut(rest, "=")
		name = strings.TrimRight(name, blanks)
		if !found || name == "" || strings.ContainsAny(name, blanks) {
			return nil, false
		}
		value, after, closed := pairValue(strings.TrimLeft(after, blanks), blanks)
		if !closed {
			return nil, false
		}
		pairs = append(pairs, Keyword{name, value})
		rest = after
	}
	return pairs, true
}

// pairValue reads one value and returns what is behind it.
func pairValue(text, blanks string) (value, rest string, ok bool) {
	var b strings.Builder
	quoted := strings.HasPrefix(text, "'")
	if quoted {
		text = text[1:]
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\'':
			return b.String(), text[i+1:], true
		case !quoted && strings.IndexByte(blanks, c) >= 0:
			return b.String(), text[i:], true
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case c != '\\':
			b.WriteByte(c)
		}
	}
	return b.String(), "", !quoted
}

func joinPairs(pairs []Keyword) string {
	texts := make([]string, len(pairs))
	for i, p := range pairs {
		value := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(p.Value)
		if value == "" || strings.ContainsAny(value, " \t\n\r\v\f") {
			value = "'" + value + "'"
		}
		texts[i] = p.Name + "=" + value
	}
	return strings.Join(texts, " ")
}
