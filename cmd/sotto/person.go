package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sottokit/sotto/fault"
)

// maxAnswer bounds a line that is typed, in bytes.
const maxAnswer = 1 << 10

// person answers questions, at the terminal or through a pipe. What is typed shows: it is for nothing that opens a file.
type person struct {
	lines   *bufio.Reader
	prompts io.Writer
}

func newPerson(stdin io.Reader, prompts io.Writer) *person {
	return &person{bufio.NewReaderSize(stdin, maxAnswer), prompts}
}

// tell prints text, which is not an answer's.
func (p *person) tell(format string, args ...any) { fmt.Fprintf(p.prompts, format+"\n", args...) }

// ask returns the next line, without the spaces around it. When ctx is done first, what waits for the line ends with the
// program, and nothing else is to be asked.
func (p *person) ask(ctx context.Context, what string) (string, error) {
	fmt.Fprintf(p.prompts, "%s: ", what)
	type line struct {
		text []byte
		err  error
	}
	typed := make(chan line, 1)
	go func() {
		text, err := p.lines.ReadSlice('\n')
		typed <- line{text, err}
	}()
	select {
	case l := <-typed:
		switch {
		case errors.Is(l.err, bufio.ErrBufferFull):
			return "", fmt.Errorf("%s: more than %d bytes: %w", what, maxAnswer, fault.OverLimit)
		case l.err != nil && (l.err != io.EOF || len(l.text) == 0):
			return "", fmt.Errorf("%s: no answer: %w", what, l.err)
		}
		return strings.TrimSpace(string(l.text)), nil
	case <-ctx.Done():
		fmt.Fprintln(p.prompts)
		return "", fmt.Errorf("%w: %w", fault.Canceled, ctx.Err())
	}
}
