package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	// yamlWidth is the column after which text is continued on the next line, where it has a space.
	yamlWidth = 80
	// yamlKeyMax is how many characters a key may have to stand before a colon in its line.
	yamlKeyMax = 122
)

// text writes a string in the first of three styles that a reader takes for the same string: as it is, in single quotes, in
// double quotes with escapes. It may be continued on further lines, if it is folded, which are indented by two more.
func (y *yamlWriter) text(text string, indent int, fold bool) {
	chars := characters(text)
	switch {
	case isPlain(text):
		y.plain(chars, indent+2, fold)
	case isQuotable(text):
		y.singleQuoted(chars, indent+2, fold)
	default:
		y.doubleQuoted(chars, indent+2, fold)
	}
}

// characters takes a text apart; half of a surrogate pair, which Python's JSON admits, is one character.
func characters(text string) []rune {
	chars := make([]rune, 0, len(text))
	for text != "" {
		r, size := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && size == 1 && len(text) >= 3 && text[0] == 0xED && text[1] >= 0xA0 {
			r, size = 0xD000|rune(text[1]&0x3F)<<6|rune(text[2]&0x3F), 3
		}
		chars = append(chars, r)
		text = text[size:]
	}
	return chars
}

// isPlainKey says whether a key can stand before a colon: a long one, an empty one and one of several lines cannot.
func isPlainKey(key string) bool {
	return key != "" && len(characters(key)) <= yamlKeyMax && !strings.ContainsAny(key, "\n\u0085\u2028\u2029")
}

// isPlain says whether text without quotes is taken for a string, and for the same one.
func isPlain(text string) bool {
	return isASCII(text) && !strings.Contains(text, "\n") && strings.Trim(text, " ") == text &&
		!structure.MatchString(text) && !otherThanText.MatchString(text)
}

// isQuotable says whether single quotes serve, in which nothing can be escaped. Spaces around the end of a line would be lost.
func isQuotable(text string) bool {
	return isASCII(text) && !strings.Contains(text, " \n") && !strings.Contains(text, "\n ")
}

// isASCII says whether text has nothing but printable ASCII and newlines.
func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') })
}

// structure matches what has a meaning in YAML where it stands.
var structure = regexp.MustCompile("^(?:---|\\.\\.\\.|[#,\\[\\]{}&*!|>'\"%@`]|[?:-](?: |$))|:(?: |$)| #")

// otherThanText matches what a reader would not take for a string, by the types of YAML 1.1 (https://yaml.org/type/) as
// Python knows them.
var otherThanText = regexp.MustCompile(`^(?:` + strings.Join([]string{
	`|~|null|Null|NULL|=|<<`,
	`yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF`,
	`[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+`,
	`[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?`,
	`[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)`,
	`[0-9]{4}-[0-9]{2}-[0-9]{2}`,
	`[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?`,
}, "|") + `)$`)

// plain writes text without quotes. A lone space past the width becomes the end of a line.
func (y *yamlWriter) plain(chars []rune, indent int, fold bool) {
	for i, r := range chars {
		if r == ' ' && fold && y.column() > yamlWidth && isLoneSpace(chars, i) {
			y.newline(indent)
			continue
		}
		y.WriteRune(r)
	}
}

// isLoneSpace says whether there is something else before and after a space.
func isLoneSpace(chars []rune, i int) bool {
	return i > 0 && i < len(chars)-1 && chars[i-1] != ' ' && chars[i+1] != ' '
}

// singleQuoted doubles quotes; n ends of lines are written as n+1, since a single one would mean a space.
func (y *yamlWriter) singleQuoted(chars []rune, indent int, fold bool) {
	y.WriteByte('\'')
	for i, r := range chars {
		switch {
		case r == '\'':
			y.WriteString("''")
		case r == ' ' && fold && y.column() > yamlWidth && isLoneSpace(chars, i):
			y.newline(indent)
		case r == '\n':
			y.lineBreak(i == 0 || chars[i-1] != '\n', i == len(chars)-1 || chars[i+1] != '\n', indent)
		default:
			y.WriteRune(r)
		}
	}
	y.WriteByte('\'')
}

// lineBreak writes one of several ends of lines in a row.
func (y *yamlWriter) lineBreak(first, last bool, indent int) {
	if first {
		y.newline(0)
	}
	y.newline(0)
	if last {
		y.pad(indent)
	}
}

// doubleQuoted escapes what is not printable ASCII. A line ends with a backslash, the next one begins with one if a space follows.
func (y *yamlWriter) doubleQuoted(chars []rune, indent int, fold bool) {
	y.WriteByte('"')
	for run, i := 0, 0; i <= len(chars); i++ { // chars[run:i] are to be written
		var escape string
		if i < len(chars) {
			escape = yamlEscape(chars[i])
		}
		if i == len(chars) || escape != "" {
			y.WriteString(string(chars[run:i]))
			y.WriteString(escape)
			run = i
			if escape != "" {
				run++
			}
		}
		inside := 0 < i && i < len(chars)-1
		if fold && inside && (chars[i] == ' ' || run >= i) && y.column()+i-run > yamlWidth {
			if run < i {
				y.WriteString(string(chars[run:i]))
				run = i
			}
			y.WriteByte('\\')
			y.newline(indent)
			if chars[run] == ' ' {
				y.WriteByte('\\')
			}
		}
	}
	y.WriteByte('"')
}

// yamlEscapes are the short ones.
var yamlEscapes = map[rune]string{
	0: `\0`, '\a': `\a`, '\b': `\b`, '\t': `\t`, '\n': `\n`, '\v': `\v`, '\f': `\f`, '\r': `\r`, 0x1B: `\e`, '"': `\"`, '\\': `\\`,
	0x85: `\N`, 0xA0: `\_`, 0x2028: `\L`, 0x2029: `\P`,
}

// yamlEscape is the escape of a character; "" for one that can stand as it is.
func yamlEscape(r rune) string {
	short, ok := yamlEscapes[r]
	switch {
	case ok:
		return short
	case ' ' <= r && r <= '~':
		return ""
	case r <= 0xFF:
		return fmt.Sprintf(`\x%02X`, r)
	case r <= 0xFFFF:
		return fmt.Sprintf(`\u%04X`, r)
	default:
		return fmt.Sprintf(`\U%08X`, r)
	}
}
