package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/device"
)

func deviceVerifyCommand() *cobra.Command {
	var user, pinned string
	cmd := &cobra.Command{
		Use:   "verify DIR|FILE|- --user NAME",
		Short: "Verify a device log, against a pin of it",
		Long: `Verifies a log file, or that of a device's folder, as a contact does. It prints the pin, which is to be remembered,
and the anchor, which may be published. With --pin it says how the log relates to what was remembered: it is the same, it
extends it, or it is refused as a rollback, a fork or another identity. The exit code is 0 for a good log only.

Whether a recovery decided a fork shows in the entries of both branches, not in a pin: then it counts as a fork here.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if user == "" {
				return fmt.Errorf("--user is missing: %w", errUsage)
			}
			var pin *device.Pin
			if pinned != "" {
				p, err := device.ParsePin(pinned)
				if err != nil {
					return fmt.Errorf("--pin: %w: %w", err, errUsage)
				}
				pin = &p
			}
			return verifyLog(cmd, args[0], user, pin)
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "ID of the user whose log it should be")
	cmd.Flags().StringVar(&pinned, "pin", "", "ROOT:SEQ:HEAD, as it was printed before")
	return cmd
}

func verifyLog(cmd *cobra.Command, name, user string, pin *device.Pin) error {
	entries, err := readLog(name, cmd.InOrStdin())
	if err != nil {
		return err
	}
	l, err := device.Verify(user, entries)
	if err != nil {
		return notMisuse(err)
	}
	if pin != nil {
		if err := checkPin(l, *pin); err != nil {
			return err
		}
	}
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "user       %s\n", printable(user))
	fmt.Fprintf(w, "entries    %d, every signature verified\n", len(entries))
	for _, r := range l.Active() {
		fmt.Fprintf(w, "device     %v, cert %v\n", r.ID(), r.Cert())
	}
	fmt.Fprintf(w, "pin        %s\n", l.Pin().String())
	fmt.Fprintf(w, "anchor     %v\n", l.Anchor())
	switch {
	case pin == nil:
		fmt.Fprintf(w, "No pin to compare with: compare this one by another way, then remember it.\n")
	case l.Pin() == *pin:
		fmt.Fprintf(w, "The same as the pin.\n")
	default:
		fmt.Fprintf(w, "Extends the pin by %d.\n", l.Pin().Seq-pin.Seq)
	}
	return nil
}
