package main

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

func deviceShowCommand() *cobra.Command {
	var secrets string
	cmd := &cobra.Command{
		Use:   "show DIR",
		Short: "Tell about a device: its ids, messaging keys and what it signed last",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := openDevice(cmd, args[0], secrets)
			if err != nil {
				return err
			}
			defer d.destroy()
			var out bytes.Buffer
			err = d.db.View(cmd.Context(), func(tx *store.Tx) error {
				s, err := d.load(tx)
				if err != nil {
					return err
				}
				defer s.keys.Destroy()
				out.Reset()
				return s.show(&out, time.Now())
			})
			if err != nil {
				return err
			}
			_, err = out.WriteTo(cmd.OutOrStdout())
			return err
		},
	}
	secretsFlag(cmd, &secrets)
	return cmd
}

// printRecord tells what a device says of itself.
func printRecord(w io.Writer, r *device.Record) {
	suite := "X25519"
	if r.Suite() == device.Hybrid {
		suite = "X25519 and X-Wing"
	}
	fmt.Fprintf(w, "user       %s\n", printable(r.User()))
	fmt.Fprintf(w, "device     %v\n", r.ID())
	fmt.Fprintf(w, "cert       %v\n", r.Cert())
	fmt.Fprintf(w, "suite      %d, %s\n", r.Suite(), suite)
	fmt.Fprintf(w, "created    %s\n", r.Created().UTC().Format(time.RFC3339))
}

func (s *state) show(w io.Writer, now time.Time) error {
	r := s.keys.Record()
	printRecord(w, r)
	_, err := s.log.Find(r.Cert())
	switch fault.Of(err) {
	case 0:
		fmt.Fprintf(w, "log        active, %d in all\n", len(s.log.Active()))
	case fault.RevokedDevice:
		fmt.Fprintf(w, "log        ended: the device was revoked\n")
	default:
		fmt.Fprintf(w, "log        not in it yet\n")
	}
	key, err := readStatement(s.keys.DeviceKey())
	if err != nil {
		return err
	}
	for i, id := range s.keys.KeyIDs() {
		if i > 0 {
			fmt.Fprintf(w, "messaging  %v, kept to open what was sealed to it\n", id)
			continue
		}
		days := int(now.Sub(time.Unix(key.int(keyIssued), 0)) / (24 * time.Hour))
		fmt.Fprintf(w, "messaging  %v, generation %d, age %s\n", id, key.int(keyGen), plural(days, "day"))
	}
	b := s.keys.Pending()
	if b == nil {
		fmt.Fprintf(w, "pending    nothing\n")
		return nil
	}
	entry, err := readStatement(b)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "pending    entry %d, %s: not in the log yet, the next device add puts it there\n",
		entry.int(entrySeq), entry.operation())
	return nil
}
