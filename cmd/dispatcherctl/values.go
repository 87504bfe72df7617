package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"dispatcherd/daemon/message"
)

// seconds is a time on the command line: "5" and "0.5" are seconds, "500ms" and "2m" are what they say.
type seconds time.Duration

// Set reads the text of an option.
func (s *seconds) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		number, numberErr := strconv.ParseFloat(text, 64)
		if numberErr != nil || math.IsNaN(number) || math.Abs(number) > math.MaxInt64/float64(time.Second)/2 {
			return errors.New("must be seconds or a duration such as 1m30s")
		}
		d = time.Duration(number * float64(time.Second))
	}
	if d < 0 {
		return errors.New("must not be negative")
	}
	*s = seconds(d)
	return nil
}

// String is the default in the help.
func (s *seconds) String() string { return time.Duration(*s).String() }

// Type is the placeholder in the help.
func (s *seconds) Type() string { return "seconds" }

// number is the value as it stands in a message.
func (s *seconds) number() message.Number {
	return message.Number(strconv.FormatFloat(time.Duration(*s).Seconds(), 'f', -1, 64))
}

// choice is one of a few words, all in lower or all in upper case.
type choice struct {
	text string
	from []string
}

// Set reads the text of an option.
func (c *choice) Set(text string) error {
	if text == strings.ToUpper(text) {
		text = strings.ToLower(text)
	}
	if !slices.Contains(c.from, text) {
		return fmt.Errorf("must be one of %s", strings.Join(c.from, ", "))
	}
	c.text = text
	return nil
}

// String is the default in the help.
func (c *choice) String() string { return c.text }

// Type is the placeholder in the help.
func (c *choice) Type() string { return "word" }
