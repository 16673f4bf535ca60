package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/store"
)

func deviceAddCommand() *cobra.Command {
	var secrets string
	cmd := &cobra.Command{
		Use:   "add DIR RECORD",
		Short: "Sign that another device belongs to the same user",
		Long: `Adds the device of a record.cbor to the log, signed by the device in DIR. Compare its cert with what device new
printed: whoever is added reads and speaks for the user. The entry is stored before it enters log.cbor; when that was
interrupted, the next device add puts the same entry there first.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return addDevice(cmd, args[0], args[1], secrets) },
	}
	secretsFlag(cmd, &secrets)
	return cmd
}

func addDevice(cmd *cobra.Command, dir, recordName, secrets string) error {
	ctx := cmd.Context()
	b, err := readInput(recordName, cmd.InOrStdin())
	if err != nil {
		return err
	}
	d, err := openDevice(cmd, dir, secrets)
	if err != nil {
		return err
	}
	defer d.destroy()
	r, err := device.ParseRecord(d.user, b)
	if err != nil {
		return err
	}
	now := time.Now()
	if err := d.tidy(ctx, newPerson(nil, cmd.ErrOrStderr()), now); err != nil {
		return err
	}
	l, err := d.add(ctx, r, now)
	if err != nil {
		return err
	}
	printRecord(cmd.OutOrStdout(), r)
	fmt.Fprintf(cmd.OutOrStdout(), "log        active, %d in all\n", len(l.Active()))
	fmt.Fprintf(cmd.OutOrStdout(), "pin        %s\n", l.Pin().String())
	return nil
}

// add returns the log with the device of r in it, as it then is in the log file.
func (d *deviceFolder) add(ctx context.Context, r *device.Record, now time.Time) (*device.Log, error) {
	if _, err := d.publish(ctx); err != nil {
		return nil, err
	}
	err := d.db.Update(ctx, func(tx *store.Tx) error {
		s, err := d.load(tx)
		if err != nil {
			return err
		}
		defer s.keys.Destroy()
		if _, err := s.log.Find(r.Cert()); err == nil { // it was added when this was interrupted
			return nil
		}
		if _, err := s.log.Add(s.keys, r, now); err != nil {
			return err
		}
		return s.keep(tx)
	})
	if err != nil {
		return nil, err
	}
	return d.publish(ctx)
}
