package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/dek"
	"github.com/sottokit/sotto/fault"
)

func demoCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Walk through keys, lockbox, store and device log with real files, and attack them",
		Long: `Makes every key from a password down to a message and a file, keeps them wrapped in files of a temporary
directory, forgets them, opens all of it again, changes the password, hands the channel key to a second member and
replaces it when that member leaves. Then it tries a row of attacks, each of which must be refused for the right reason.
After that it keeps a root key in a lockbox and values in a store, and founds a device log that a server and a thief attack
until the recovery key ends it. The directory is removed at the end.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo(cmd.Context(), cmd.OutOrStdout(), file)
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "",
		fmt.Sprintf("the file to seal, of up to %d MiB (default: one that the demo makes)", dek.MaxSeal>>20))
	return cmd
}

// step is one line of the demo.
type step struct {
	name string
	run  func(context.Context, *scene) (note string, err error)
}

// act is a row of steps under one headline.
type act struct {
	title string
	steps []step
}

// acts are the whole demo. Each builds on those before it.
var acts = []act{makeKeys, reopen, passwordChange, handOver, rotation, attacks, lockboxes, stores, logs}

func demo(ctx context.Context, out io.Writer, file string) error {
	dir, err := os.MkdirTemp("", "sotto-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := newScene(dir, file)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Files are in %s while this runs.\n\n", printable(dir))
	count := 0
	for _, a := range acts {
		fmt.Fprintf(out, "%s\n", a.title)
		for _, st := range a.steps {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("demo: %w: %w", fault.Canceled, err)
			}
			start := time.Now()
			note, err := st.run(ctx, s)
			took := time.Since(start).Round(time.Microsecond)
			if err != nil {
				fmt.Fprintf(out, "  %-46s  FAILED\n", st.name)
				return fmt.Errorf("demo: %s: %w", st.name, err)
			}
			fmt.Fprintf(out, "  %-46s  %-46s  %10v\n", st.name, note, took)
			count++
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "All %d steps did what they should.\n", count)
	return nil
}

// attack is a step that must be refused with exactly this fault.
func attack(name string, want fault.Code, try func(context.Context, *scene) error) step {
	return step{name, func(ctx context.Context, s *scene) (string, error) {
		err := try(ctx, s)
		switch got := fault.Of(err); {
		case err == nil:
			return "", fmt.Errorf("was not refused, should be %s", want.Name())
		case got != want:
			return "", fmt.Errorf("refused with %q instead of %s: %w", got.Name(), want.Name(), err)
		}
		return "refused: " + want.Name(), nil
	}}
}
