package pgnotify

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
)

// credentialPrefix is what a passfile begins with that is a credential: a file that the service
// manager gives to one service (systemd.exec(5), LoadCredential=), here the password.
const credentialPrefix = "credential:"

// credentialDirectory is the variable by which a service is told where its credentials are.
const credentialDirectory = "CREDENTIALS_DIRECTORY"

// maxCredential is what systemd allows for one.
const maxCredential = 1 << 20

var credentialName = regexp.MustCompile(`^[A-Za-z0-9_.-]*[A-Za-z0-9_-]$`)

// IsCredential tells whether the value of passfile names a credential.
func IsCredential(passfile string) bool { return strings.HasPrefix(passfile, credentialPrefix) }

// WithoutCredential returns conninfo without a passfile that is a credential, which means nothing
// to libpq.
func WithoutCredential(conninfo string) string {
	if !IsCredential(keyword(conninfo, "passfile")) {
		return conninfo
	}
	return without(conninfo, func(name string) bool { return name == "passfile" })
}

// Credential returns the password that the credential has for this connection. It is empty if the
// settings name none, or if a password is given elsewhere, which comes first as it does with any
// password file. No error holds a part of what is in it.
func (c Config) Credential() (password string, err error) {
	name, found := strings.CutPrefix(c.passfile(), credentialPrefix)
	if !found {
		return "", nil
	}
	parsed, err := c.parse()
	if err != nil || parsed.Password != "" {
		return "", err
	}
	path, text, err := readCredential(name)
	if err != nil {
		return "", c.credentialError(err)
	}
	if password, ok := barePassword(text); ok {
		return password, nil
	}
	conninfo, err := WithKeywords(c.Conninfo, Keyword{"passfile", path})
	if err != nil {
		return "", configError(err)
	}
	matched, err := pgx.ParseConfig(conninfo)
	if err != nil {
		return "", configError(parseProblem(err))
	}
	return matched.Password, nil
}

// credentialError says which setting names the credential.
func (c Config) credentialError(err error) error {
	if c.Passfile != "" {
		return fmt.Errorf("brokers.pg_notify.passfile: %w", err)
	}
	return configError(err)
}

// readCredential returns a text that is a password or has lines of a password file.
func readCredential(name string) (path, text string, err error) {
	dir := os.Getenv(credentialDirectory)
	if dir == "" {
		return "", "", fmt.Errorf("the credential %s is not there: only a service has one, by LoadCredential= in its unit", name)
	}
	path = filepath.Join(dir, name)
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", "", fmt.Errorf("the credential %s is not there: put the password into the file that LoadCredential= in the service's unit names, then restart the service", name)
	case err != nil:
		return "", "", fmt.Errorf("the credential %s cannot be read: %w", name, err)
	}
	text = strings.TrimRight(string(content), "\r\n")
	_, bare := barePassword(text)
	if text == "" || len(text) > maxCredential || strings.ContainsRune(text, 0) || !bare && !passfileLine.MatchString(text) {
		return "", "", fmt.Errorf("the credential %s must hold the password alone on one line, or lines host:port:database:user:password", name)
	}
	return path, text, nil
}

// passfileLine matches a line of a password file: five fields, with \ before a : that belongs to
// one, and a port in the second.
var passfileLine = regexp.MustCompile(`(?m)^(?:[^#:\\\n]|\\.)(?:[^:\\\n]|\\.)*:(?:\*|[0-9]+):(?:[^:\\\n]|\\.)+:(?:[^:\\\n]|\\.)+:`)

// barePassword returns a text that is the password itself: one line, and not of a password file.
func barePassword(text string) (string, bool) {
	return text, !strings.Contains(text, "\n") && !passfileLine.MatchString(text)
}
