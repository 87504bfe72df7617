package original

// Remark is a problem with a key of the file, or something to know about it.
type Remark struct {
	// Line counts from 1; 0 where it is about the whole file.
	Line int
	// Key is the full key in the original's file; empty for the whole file.
	Key string
	// Text says what would be right, or what becomes of the key.
	Text string
	// Got is what was found, as it may be shown; empty for nothing.
	Got string
}
