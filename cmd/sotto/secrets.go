package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/fault"
)

// maxSecrets bounds a file of secrets, in bytes.
const maxSecrets = 64 << 10

// secrets is where passwords and recovery keys come from: the terminal, which shows nothing of them, or the lines of a
// file. They are never arguments: those show in the list of processes and in the history of the shell.
type secrets struct {
	terminal *os.File // nil when there is a file
	prompts  io.Writer
	file     []byte
	rest     []byte // of file: the lines to come
}

func secretsFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "secrets", "",
		"file with the passwords and recovery keys, a line for each in the order in which they would be asked for: what opens,\n"+
			"then what is new; - for stdin (default: ask at the terminal)")
}

// openSecrets reads the file of that name, "-" for stdin. Without a name it makes sure that there is a terminal to ask at.
func openSecrets(cmd *cobra.Command, name string) (*secrets, error) {
	if name == "" {
		f, ok := cmd.InOrStdin().(*os.File)
		if !ok || !isTerminal(f) {
			return nil, fmt.Errorf("no terminal to ask for secrets at, and no --secrets: %w", errUsage)
		}
		return &secrets{terminal: f, prompts: cmd.ErrOrStderr()}, nil
	}
	r, err := openInput(name, cmd.InOrStdin())
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := make([]byte, maxSecrets+1) // of this size at once, so that no copy is left behind
	n, err := io.ReadFull(r, b)
	switch {
	case err == nil:
		clear(b)
		return nil, fmt.Errorf("secrets of more than %d bytes: %w", maxSecrets, fault.OverLimit)
	case err != io.EOF && err != io.ErrUnexpectedEOF:
		clear(b)
		return nil, err
	}
	return &secrets{file: b, rest: b[:n]}, nil
}

// ask returns the secret that is called what, to be wiped by the caller.
func (s *secrets) ask(ctx context.Context, what string) ([]byte, error) {
	if s.terminal == nil {
		return s.line(what)
	}
	fmt.Fprintf(s.prompts, "%s: ", what)
	b, err := readHidden(ctx, s.terminal)
	fmt.Fprintln(s.prompts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return b, nil
}

// askNew returns a secret that is set now. At a terminal it is typed twice.
func (s *secrets) askNew(ctx context.Context, what string) ([]byte, error) {
	b, err := s.ask(ctx, what)
	if err != nil || s.terminal == nil {
		return b, err
	}
	again, err := s.ask(ctx, what+" once more")
	defer clear(again)
	if err == nil && !bytes.Equal(b, again) {
		err = fmt.Errorf("%s: typed differently the second time", what)
	}
	if err != nil {
		clear(b)
		return nil, err
	}
	return b, nil
}

// line returns the next line of the file, without its end.
func (s *secrets) line(what string) ([]byte, error) {
	if len(s.rest) == 0 {
		return nil, fmt.Errorf("%s: no line left in the secrets: %w", what, fault.Malformed)
	}
	line, rest, _ := bytes.Cut(s.rest, []byte("\n"))
	s.rest = rest
	return bytes.Clone(bytes.TrimSuffix(line, []byte("\r"))), nil
}

// destroy wipes what is left.
func (s *secrets) destroy() { clear(s.file) }
