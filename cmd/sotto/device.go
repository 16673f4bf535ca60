package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/store/boltstore"
)

func deviceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "device",
		Short: "A user's devices, and the log in which they stand",
		Args:  noSuchCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true}, // those of a command that is not there
	}
	cmd.AddCommand(deviceNewCommand(), deviceAddCommand(), deviceShowCommand(), deviceLogCommand(), deviceVerifyCommand())
	return cmd
}

// The files in the folder of a device.
const (
	boxFile    = "lockbox"     // holds the root key of the store; its owner is the user
	storeFile  = "store.db"    // the device's private keys, sealed
	logFile    = "log.cbor"    // the user's device log as this device has it, to be handed around
	recordFile = "record.cbor" // what a device that is not in the log yet hands to one that is
)

// What the store holds. The pin is that of the log file when the device last wrote to the store: without it, who can
// write the log file could have the device sign in another log.
var (
	keysName     = store.Name{Room: "device/keys"}
	pinName      = store.Name{Room: "device/pin"}
	deviceSchema = store.Schema{Version: 1}
)

// deviceFolder is an opened folder of a device.
type deviceFolder struct {
	dir  string
	user string
	db   *store.DB
}

// openDevice opens the folder of a device by its password.
func openDevice(cmd *cobra.Command, dir, secretsName string) (*deviceFolder, error) {
	entries, err := readLog(filepath.Join(dir, logFile), nil)
	if err != nil {
		return nil, err
	}
	user, err := logUser(entries) // if this is not the user, the lockbox is that of another owner
	if err != nil {
		return nil, err
	}
	f := boxFlags{owner: user, secrets: secretsName}
	o, err := f.open(cmd, filepath.Join(dir, boxFile))
	if err != nil {
		return nil, err
	}
	defer o.destroy()
	db, err := store.Open(cmd.Context(), boltstore.New(filepath.Join(dir, storeFile)), o.root, deviceSchema)
	if err != nil {
		return nil, err
	}
	return &deviceFolder{dir, user, db}, nil
}

func (d *deviceFolder) destroy() { d.db.Destroy() }

// state is what a device knows: its keys, and its user's log.
type state struct {
	keys    *device.Keys
	entries [][]byte // of the log file
	log     *device.Log
}

// load returns the state, whose keys the caller destroys. The log file is anybody's: it is verified, and follows the pin.
func (d *deviceFolder) load(tx *store.Tx) (*state, error) {
	text, found, err := tx.Get(pinName)
	if err != nil {
		return nil, err
	}
	b, foundKeys, err := tx.Get(keysName)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	if !found || !foundKeys {
		return nil, fmt.Errorf("%s holds no device: %w", storeFile, fault.Damaged)
	}
	pin, err := device.ParsePin(string(text))
	if err != nil {
		return nil, err
	}
	s := &state{}
	if s.entries, err = readLog(filepath.Join(d.dir, logFile), nil); err != nil {
		return nil, err
	}
	if s.log, err = device.Verify(d.user, s.entries); err != nil {
		return nil, err
	}
	if err := checkPin(s.log, pin); err != nil {
		return nil, err
	}
	if s.keys, err = device.ParseKeys(b); err != nil {
		return nil, err
	}
	if _, err := s.keys.Settle(s.log); err != nil {
		s.keys.Destroy()
		return nil, err
	}
	return s, nil
}

// keep stores the keys, and the log file that they belong to.
func (s *state) keep(tx *store.Tx) error {
	b, err := s.keys.ExportSecretState()
	if err != nil {
		return err
	}
	defer clear(b)
	tx.Put(keysName, b)
	tx.Put(pinName, []byte(s.log.Pin().String()))
	return nil
}

// publish puts the entry that the device signed and stored into the log file, unless it is there: so what leaves is always
// stored before, and what was lost on its way leaves again, the same bytes. It returns the log that is then in the file.
func (d *deviceFolder) publish(ctx context.Context) (*device.Log, error) {
	var l *device.Log
	var entries [][]byte // nil when the file has them all
	err := d.db.View(ctx, func(tx *store.Tx) error {
		s, err := d.load(tx)
		if err != nil {
			return err
		}
		defer s.keys.Destroy()
		pending := s.keys.Pending()
		l, entries = s.log, nil
		if pending == nil {
			return nil
		}
		entries = append(s.entries, pending)
		l, err = s.log.Extend([][]byte{pending})
		return err
	})
	if err == nil && entries != nil {
		err = replaceFile(filepath.Join(d.dir, logFile), logBytes(entries))
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// notMisuse makes of what a package blames its caller for the mistake of who typed the command.
func notMisuse(err error) error {
	if fault.Of(err) == fault.Misuse {
		return fmt.Errorf("%w: %w", err, errUsage)
	}
	return err
}
