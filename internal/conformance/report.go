package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Status is the outcome of one case.
type Status int

// The outcomes.
const (
	Passed Status = iota + 1
	Failed
	Skipped // not run: it is about something that sotto does not have, or it is slow and Options do not ask for it
)

// String returns "passed", "failed" or "skipped".
func (s Status) String() string {
	switch s {
	case Passed:
		return "passed"
	case Failed:
		return "failed"
	case Skipped:
		return "skipped"
	}
	return "unknown"
}

// Case is the outcome of one case of a file.
type Case struct {
	Name   string
	Status Status
	Note   string // why it failed or was skipped, or a remark on a pass
}

// File is the outcome of one file.
type File struct {
	Path   string
	Driver string // "" when there is none for this file; then one skipped case says so
	Cases  []Case
}

// Counts returns how many cases had which outcome.
func (f File) Counts() (passed, failed, skipped int) {
	for _, c := range f.Cases {
		switch c.Status {
		case Passed:
			passed++
		case Skipped:
			skipped++
		default:
			failed++
		}
	}
	return passed, failed, skipped
}

// suite collects the cases of one file.
type suite struct {
	ctx     context.Context
	options Options
	cases   []Case
}

// skip is why a case is not run. Returned as an error, it makes the case a skipped one.
type skip string

func (s skip) Error() string { return string(s) }

// check runs one case. f returns a remark on the pass, or why there is none. A panic is a failed case: what a file holds
// must not end the run. When the context is done, nothing is run or recorded any more.
func (s *suite) check(name string, f func() (string, error)) {
	if s.ctx.Err() != nil {
		return
	}
	c := Case{Name: name}
	defer func() {
		if p := recover(); p != nil {
			c.Status, c.Note = Failed, fmt.Sprintf("panic: %v", p)
		}
		s.cases = append(s.cases, c)
	}()
	note, err := f()
	var why skip
	switch {
	case err == nil:
		c.Status, c.Note = Passed, note
	case errors.As(err, &why):
		c.Status, c.Note = Skipped, why.Error()
	default:
		c.Status, c.Note = Failed, strings.ReplaceAll(err.Error(), "\n", "; ") // of joined errors
	}
}
