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
		Short: "People talk, alone and in a group, devices are lost and restored; then what is underneath, with real files and attacks",
		Long: `Two people with three devices talk: each account is in a file of its own. A device joins, one is lost and revoked, an
envelope gets lost, the power is cut, a store is put back to last week.
A group of three: one is removed, somebody comes and is shown what was said before, two admins act at once. People compare
numbers and emoji, a server shows somebody else, and devices are safe from quantum computers where all of them are.
Devices are linked by a QR code and by a short one, while a thief tries to; one is lost, and revoked until that is done, and
when there is nothing left but the recovery key on paper, that brings the account back.
Then what is underneath: every key from a password down to a message and a file, kept wrapped in files of a temporary
directory, forgotten and opened again; a change of password; the channel key in the hands of a second member, and replaced
when that member leaves; and a row of attacks, each of which must be refused for the right reason. At last a root key in a
lockbox, values in a store, and a device log that a server and a thief attack until the recovery key ends it.
Each step says what it did. The exit code is 1 at the first that did not do what it should. The directory is removed at the
end.`,
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

// acts are the whole demo. The first two are one story, the next five another one, the next two a third, and the others a
// fourth: each builds on those before it.
var acts = []act{
	people, troubles,
	groups, newcomers, numbers, identities, suites,
	linking, losses,
	makeKeys, reopen, passwordChange, handOver, rotation, attacks, lockboxes, stores, logs,
}

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
