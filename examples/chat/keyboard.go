package main

import (
	"bufio"
	"context"
	"io"
)

// keyboard is what a person types, line by line.
type keyboard chan string

// newKeyboard reads lines until the input ends or the context does. What waits for a line of a terminal ends with the
// program.
func newKeyboard(ctx context.Context, in io.Reader) keyboard {
	k := make(keyboard)
	go func() {
		defer close(k)
		for lines := bufio.NewScanner(in); lines.Scan(); {
			select {
			case k <- lines.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return k
}

// line returns the next line. Behind the last one it is io.EOF.
func (k keyboard) line(ctx context.Context) (string, error) {
	select {
	case line, more := <-k:
		if !more {
			return "", io.EOF
		}
		return line, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
