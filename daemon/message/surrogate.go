package message

import "unicode/utf8"

func isHigh(r rune) bool { return 0xD800 <= r && r < 0xDC00 }
func isLow(r rune) bool  { return 0xDC00 <= r && r < 0xE000 }

func joinSurrogates(high, low rune) rune {
	return 0x10000 + (high-0xD800)<<10 + (low - 0xDC00)
}

// unescapeRune reads the \uXXXX escape at the start of the text, or two of them that make a pair, and their length.
func unescapeRune(text []byte) (r rune, n int) {
	r, _ = hex4(text[2:])
	if isHigh(r) && len(text) >= 12 && text[6] == '\\' && text[7] == 'u' {
		if low, ok := hex4(text[8:]); ok && isLow(low) {
			return joinSurrogates(r, low), 12
		}
	}
	return r, 6
}

// appendRune adds a character, half of a surrogate pair included.
func appendRune(b []byte, r rune) []byte {
	if isHigh(r) || isLow(r) {
		return append(b, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F)
	}
	return utf8.AppendRune(b, r)
}

// nextRune reads the character at the start of a text, half of a surrogate pair included. Any other byte that is not UTF-8 is
// utf8.RuneError, of length 1.
func nextRune(s string) (r rune, n int) {
	r, n = utf8.DecodeRuneInString(s)
	if r != utf8.RuneError || n != 1 || len(s) < 3 {
		return r, n
	}
	if s[0] == 0xED && s[1]&0xE0 == 0xA0 && s[2]&0xC0 == 0x80 {
		return 0xD000 | rune(s[1]&0x3F)<<6 | rune(s[2]&0x3F), 3
	}
	return r, n
}

// characters counts them as Python does, half a surrogate pair as one.
func characters(s string) (n int) {
	for i := range len(s) {
		if s[i]&0xC0 != 0x80 {
			n++
		}
	}
	return n
}

// mendSurrogates turns the halves of surrogate pairs in JSON text, where two pieces of text have been put together, into escapes, which mean the
// same and are UTF-8.
func mendSurrogates(text []byte) []byte {
	if utf8.Valid(text) {
		return text
	}
	mended := make([]byte, 0, len(text)+16)
	escaped := false // an odd number of backslashes is before this character
	for s := string(text); len(s) > 0; {
		r, n := nextRune(s)
		switch {
		case !isHigh(r) && !isLow(r):
			mended = append(mended, s[:n]...)
		case escaped:
			mended = utf8.AppendRune(mended, utf8.RuneError) // no escape either, but one that stays wrong
		default:
			mended = appendHex(mended, r)
		}
		escaped = r == '\\' && !escaped
		s = s[n:]
	}
	return mended
}
