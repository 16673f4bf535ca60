package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/safetynumber"
)

// pngSize is the side of a PNG, in pixels: ten for a module of the code.
const pngSize = 450

// numberFlags are the files of a safety number, "" for those that nobody asked for.
type numberFlags struct{ png, svg, scan string }

func safetyNumberCommand() *cobra.Command {
	var f numberFlags
	cmd := &cobra.Command{
		Use:   "safety-number LOG1 LOG2",
		Short: "Show the safety number of two users, to be compared with what the other one sees",
		Long: `Computes the safety number of two users from their device logs, each a log file, that of a device's folder, or "-":
LOG1 is one's own, LOG2 that of the other user. Both see the same digits; on a terminal there is also the QR code that the
other one scans. Whose logs they are stands in the logs themselves.

--scan takes the bytes that a scanner read out of the other one's code, not a picture. The exit code is 0 for a match only.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			mine, err := namedLog(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			theirs, err := namedLog(args[1], cmd.InOrStdin())
			if err != nil {
				return err
			}
			n, err := safetynumber.New(partyOf(mine), partyOf(theirs))
			if err != nil {
				return notMisuse(err)
			}
			if err := f.compare(cmd, n); err != nil {
				return err
			}
			if err := f.draw(n); err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			return showNumber(w, mine, theirs, n, isTerminal(w))
		},
	}
	cmd.Flags().StringVar(&f.png, "png", "", "new file for the QR code as a PNG")
	cmd.Flags().StringVar(&f.svg, "svg", "", "new file for the QR code as an SVG")
	cmd.Flags().StringVar(&f.scan, "scan", "", `file with the bytes that were scanned, "-" for stdin`)
	return cmd
}

// namedLog reads and verifies the log of the user whom it names itself.
func namedLog(name string, stdin io.Reader) (*device.Log, error) {
	entries, err := readLog(name, stdin)
	if err != nil {
		return nil, err
	}
	user, err := logUser(entries)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	l, err := device.Verify(user, entries)
	if fault.Of(err) == fault.Misuse {
		err = fmt.Errorf("log entry 0: not a user ID: %w", fault.Malformed)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

// partyOf is the user of a log, with the devices that are active at its end.
func partyOf(l *device.Log) safetynumber.Party {
	p := safetynumber.Party{User: l.User(), Root: l.Pin().Root}
	for _, r := range l.Active() {
		p.Devices = append(p.Devices, safetynumber.Device{ID: r.ID(), Signing: [32]byte(r.Verifier().PublicKey())})
	}
	return p
}

// compare holds what was scanned against the number.
func (f numberFlags) compare(cmd *cobra.Command, n *safetynumber.Number) error {
	if f.scan == "" {
		return nil
	}
	scanned, err := readInput(f.scan, cmd.InOrStdin())
	if err != nil {
		return err
	}
	outcome, err := n.Compare(scanned)
	if err != nil {
		return err
	}
	switch outcome {
	case safetynumber.Match:
		return nil
	case safetynumber.OwnCode:
		return errors.New("the scanned code is the own one: scan that of the other user")
	}
	return errors.New("the scanned code differs: the other device holds something else, and somebody may stand between")
}

// draw writes the pictures that were asked for.
func (f numberFlags) draw(n *safetynumber.Number) error {
	for _, picture := range []struct {
		path string
		draw func() ([]byte, error)
	}{
		{f.png, func() ([]byte, error) { return n.PNG(pngSize) }},
		{f.svg, n.SVG},
	} {
		if picture.path == "" {
			continue
		}
		b, err := picture.draw()
		if err != nil {
			return err
		}
		if err := createFile(picture.path, b); err != nil {
			return err
		}
	}
	return nil
}

// showNumber prints the number in three lines, and the code where a terminal shows it.
func showNumber(w io.Writer, mine, theirs *device.Log, n *safetynumber.Number, code bool) error {
	fmt.Fprintf(w, "own user   %s, as the log says; active devices: %d\n", printable(mine.User()), len(mine.Active()))
	fmt.Fprintf(w, "other user %s, as the log says; active devices: %d\n", printable(theirs.User()), len(theirs.Active()))
	groups := strings.Fields(n.String())
	for i, name := range []string{"number", "", ""} {
		fmt.Fprintf(w, "%-10s %s\n", name, strings.Join(groups[4*i:4*i+4], " "))
	}
	if code {
		picture, err := n.Terminal()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "\n%s", picture)
	}
	return nil
}
