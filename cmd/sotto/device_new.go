package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/store/boltstore"
)

// newFlags are what device new is told.
type newFlags struct {
	user     string
	log      string // "" for the first device
	recovery bool
	secrets  string
	costs    costs
}

func deviceNewCommand() *cobra.Command {
	var f newFlags
	cmd := &cobra.Command{
		Use:   "new DIR --user NAME",
		Short: "Make the keys of a device, in a new folder",
		Long: `Makes a device: its keys, its first messaging key and, for the first device of a user, the device log. A further
device is made with --log and stands in the log once another one ran device add with its record.cbor; the log.cbor of
that one then takes the place of the one in this folder; link new does all that in one go. To revoke and to recover
devices is for apps: package device does it, this program does not.

The private keys are sealed in store.db. The root key of that file is in the lockbox beside it, which sotto lockbox works on,
with the user as owner. log.cbor and record.cbor are no secrets and are handed around.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.new(cmd, args[0]) },
	}
	cmd.Flags().StringVar(&f.user, "user", "", "ID of the user whose device it is")
	cmd.Flags().StringVar(&f.log, "log", "", "log file of the user, who has a device already")
	cmd.Flags().BoolVar(&f.recovery, "recovery", false, "make a recovery key for log and lockbox as well, and print it")
	secretsFlag(cmd, &f.secrets)
	f.costs.register(cmd)
	return cmd
}

func (f *newFlags) new(cmd *cobra.Command, dir string) error {
	ctx, now := cmd.Context(), time.Now()
	if f.log != "" && f.recovery {
		return fmt.Errorf("--recovery is for the first device, not for --log: %w", errUsage)
	}
	if err := f.costs.check(cmd); err != nil {
		return err
	}
	if err := mustBeNew(dir); err != nil {
		return err
	}
	keys, err := device.Generate(f.user, device.Hybrid, now)
	if err != nil {
		return notMisuse(err)
	}
	defer keys.Destroy()
	printed := newRecoveryKey(f.recovery)
	defer printed.destroy()
	s := &state{keys: keys}
	if f.log == "" {
		s.entries, err = found(keys, printed, now)
	} else {
		s.entries, err = readLog(f.log, cmd.InOrStdin())
	}
	if err != nil {
		return err
	}
	if s.log, err = device.Verify(f.user, s.entries); err != nil {
		return err
	}
	if _, err := keys.Rotate(s.log, nil, now); err != nil {
		return err
	}
	box, root, err := f.lockbox(cmd, printed)
	if err != nil {
		return err
	}
	defer root.Destroy()
	err = createFolder(dir, func(unfinished string) error {
		return s.fill(ctx, unfinished, box, root)
	})
	if err != nil {
		return err
	}
	w, r := cmd.OutOrStdout(), keys.Record()
	printRecord(w, r)
	if f.log == "" {
		fmt.Fprintf(w, "log        founded by this device, in %s\n", printable(filepath.Join(dir, logFile)))
	} else {
		fmt.Fprintf(w, "log        not in it yet: a device that is runs device add with %s\n",
			printable(filepath.Join(dir, recordFile)))
	}
	fmt.Fprintf(w, "pin        %s\n", s.log.Pin().String())
	return printed.print(w, filepath.Join(dir, boxFile), f.user)
}

// found makes the log of the user.
func found(keys *device.Keys, printed *recoveryKey, now time.Time) ([][]byte, error) {
	entry, err := keys.Found(printed.key, now)
	return [][]byte{entry}, err
}

// lockbox makes the lockbox of the device's store, with a password that is asked for.
func (f *newFlags) lockbox(cmd *cobra.Command, printed *recoveryKey) (box []byte, root *cose.Key, err error) {
	from, err := openSecrets(cmd, f.secrets)
	if err != nil {
		return nil, nil, err
	}
	defer from.destroy()
	password, err := f.costs.askPassword(cmd.Context(), from, "new password")
	if err != nil {
		return nil, nil, err
	}
	defer password.Destroy()
	return sealedBox(cmd.Context(), f.user, password, printed.slots()...)
}

// sealedBox makes a lockbox, and returns it as it is to be written.
func sealedBox(ctx context.Context, user string, password *lockbox.Secret, more ...*lockbox.Secret) (box []byte, root *cose.Key, err error) {
	b, root, err := lockbox.New(ctx, []byte(user), password, more...)
	if err != nil {
		return nil, nil, err
	}
	if box, err = proved(ctx, b, user, root, password); err != nil {
		root.Destroy()
		return nil, nil, err
	}
	return box, root, nil
}

// fill writes the files of a new device. The log entry that founds the log stays pending until the device next writes: it
// leaves with the folder.
func (s *state) fill(ctx context.Context, dir string, box []byte, root *cose.Key) error {
	if err := createFile(filepath.Join(dir, boxFile), box); err != nil {
		return err
	}
	db, err := store.Open(ctx, boltstore.New(filepath.Join(dir, storeFile)), root, deviceSchema)
	if err != nil {
		return err
	}
	defer db.Destroy()
	if err := db.Update(ctx, s.keep); err != nil {
		return err
	}
	if err := createFile(filepath.Join(dir, logFile), logBytes(s.entries)); err != nil {
		return err
	}
	if _, err := s.log.Find(s.keys.Record().Cert()); err == nil {
		return nil
	}
	return createFile(filepath.Join(dir, recordFile), s.keys.Record().Bytes())
}
