package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

func deviceLogCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "log DIR|FILE|-",
		Short: "List the entries of a device log",
		Long: `Verifies a log file, or that of a device's folder, and lists its entries: number, operation, who signed, which
device it is about, and when it was issued, as its signer says. Whose log it is stands in the log itself: that it is the
right one is what device verify tells, by a pin.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			entries, err := readLog(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			return listLog(cmd.OutOrStdout(), entries)
		},
	}
}

func listLog(w io.Writer, entries [][]byte) error {
	user, err := logUser(entries)
	if err != nil {
		return err
	}
	_, err = device.Verify(user, entries)
	if fault.Of(err) == fault.Misuse {
		err = fmt.Errorf("log entry 0: not a user ID: %w", fault.Malformed)
	}
	if err != nil {
		return err
	}
	lines, err := listing(entries)
	if err != nil {
		return err
	}
	const columns = "%5v  %-12s  %-32s  %-32s  %s\n"
	fmt.Fprintf(w, "user       %s, as the log says\n\n", printable(user))
	fmt.Fprintf(w, columns, "seq", "operation", "signed by", "device", "issued")
	for _, l := range lines {
		fmt.Fprintf(w, columns, l.seq, l.operation, l.signer, l.subject, l.issued.Format(time.RFC3339))
		if l.recovery != "" {
			fmt.Fprintf(w, "%5s  %-12s  %s\n", "", "", "sets "+l.recovery)
		}
	}
	return nil
}

// line is a log entry as it is listed.
type line struct {
	seq                        int64
	operation, signer, subject string
	issued                     time.Time
	recovery                   string // the recovery key that it sets, "" for none
}

// listing tells what the entries of a verified log say.
func listing(entries [][]byte) ([]line, error) {
	lines := make([]line, len(entries))
	names := map[string]string{} // of who signs, by key ID
	for i, b := range entries {
		s, err := readStatement(b)
		if err != nil {
			return nil, err
		}
		l := line{seq: s.int(entrySeq), operation: s.operation(), issued: time.Unix(s.int(entryIssued), 0).UTC()}
		switch arg := s.bytes(entryArg); {
		case len(arg) == sha256.Size: // to be revoked
			l.subject = names[string(arg)]
		case arg != nil:
			record, err := readStatement(arg)
			if err != nil {
				return nil, err
			}
			l.subject = fmt.Sprintf("%x", record.bytes(recordID))
			names[string(record.kid)] = l.subject
		}
		if key := s.bytes(entryRecovery); key != nil {
			kid := sha256.Sum256(wire.AppendBound(nil, wire.LabelRecovery, key))
			l.recovery = fmt.Sprintf("recovery key %x", kid[:8])
			names[string(kid[:])] = l.recovery
		}
		l.signer = names[string(s.kid)]
		lines[i] = l
	}
	return lines, nil
}
