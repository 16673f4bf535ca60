package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/sottokit/sotto/fault"
)

// isTerminal reports whether somebody watches w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// readHidden reads a line that the terminal does not show. When ctx is done first, the terminal is as before, and what
// waits for the line ends with the program.
func readHidden(ctx context.Context, f *os.File) ([]byte, error) {
	fd := int(f.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	type line struct {
		b   []byte
		err error
	}
	typed := make(chan line, 1)
	go func() {
		b, err := term.ReadPassword(fd)
		typed <- line{b, err}
	}()
	select {
	case l := <-typed:
		return l.b, l.err
	case <-ctx.Done():
		_ = term.Restore(fd, before)
		return nil, fmt.Errorf("%w: %w", fault.Canceled, ctx.Err())
	}
}

// newProgress is a bar for work of unknown length: it moves while the work goes on and disappears with Finish. In a pipe
// nothing of it is written.
func newProgress(w io.Writer, what string) *progressbar.ProgressBar {
	return progressbar.NewOptions(-1,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetVisibility(isTerminal(w)),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionClearOnFinish())
}

// printable is s if a terminal shows it as it is, else s quoted, with everything that a terminal may act upon escaped:
// control characters, and those that turn the direction of text.
func printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		return strconv.Quote(s)
	}
	return s
}
