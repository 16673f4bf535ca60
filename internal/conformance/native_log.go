package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/recovery"
)

// nativeLog is the log of one user with its recovery key. Of the third entry there are two, an update stands in the second
// log instead of what follows.
type nativeLog struct {
	Root    octets `json:"root"`
	Add     octets `json:"add_laptop"`
	Revoke  octets `json:"revoke_laptop"`
	Recover octets `json:"recover"`
	Update  octets `json:"update_laptop_suite2_instead_of_revoke"`

	RootHash octets `json:"root_hash"`
	Head     octets `json:"head"`
	Anchor   octets `json:"anchor"`

	RecoverySecret octets `json:"recovery_secret"`
	RecoverySeed   octets `json:"recovery_seed"`
	RecoveryPublic octets `json:"recovery_pub"`
	RecoveryKID    octets `json:"recovery_kid"`
	BackupSecret   octets `json:"recovery_backup_secret"`

	SmallEntry     int `json:"small_entry_bytes"`
	SmallDeviceKey int `json:"device_key_bytes_suite1"`
	LargeDeviceKey int `json:"device_key_bytes_suite2"`
}

func (n *nativeFile) runLog(s *suite, _ []byte) error {
	l := &n.log
	s.check("recovery key", func() (string, error) { return "", l.checkRecovery() })
	for _, e := range []struct {
		name        string
		op, seq     uint64
		entry, prev []byte
	}{
		{"root", 0, 0, l.Root, nil},
		{"add", 1, 1, l.Add, l.Root},
		{"revoke", 2, 2, l.Revoke, l.Add},
		{"recover", 4, 3, l.Recover, l.Revoke},
		{"update", 3, 2, l.Update, l.Add},
	} {
		s.check("log entry "+e.name, func() (string, error) {
			f, err := n.remakeEntry(e.entry, e.prev, e.seq)
			if err != nil {
				return "", err
			}
			return "", same("operation", f.Op, e.op)
		})
	}
	s.check("device log", func() (string, error) { return "", n.checkLogs() })
	s.check("sizes", func() (string, error) { return "", n.checkSizes() })
	return nil
}

// checkRecovery compares what follows from the recovery key.
func (l *nativeLog) checkRecovery() error {
	key, err := recovery.NewKey(l.RecoverySecret)
	if err != nil {
		return err
	}
	seed, err1 := key.ExportSecretFor(recovery.ForLog)
	backup, err2 := key.ExportSecretFor(recovery.ForBackup)
	public, err3 := publicOf(seed)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	kid, err := recoveryKID(public)
	return errors.Join(err,
		equal("recovery seed", seed, l.RecoverySeed),
		equal("recovery key", public, l.RecoveryPublic),
		equal("its key ID", kid, l.RecoveryKID),
		equal("secret of the backup", backup, l.BackupSecret))
}

// remakeEntry makes an entry anew from its signer's seed: which device that is and what the entry is about stands in it,
// everything else in the file.
func (n *nativeFile) remakeEntry(entry, prev []byte, seq uint64) (f entryForm, err error) {
	kid, err := readForm(entry, &f)
	if err != nil {
		return f, err
	}
	user, err := n.logUser()
	if err != nil {
		return f, err
	}
	seed := []byte(n.log.RecoverySeed)
	if !bytes.Equal(kid, n.log.RecoveryKID) {
		signer, err := n.withCert(kid)
		if err != nil {
			return f, err
		}
		seed = signer.Seed
	}
	if f.Arg == nil {
		return f, errors.New("entry about nothing")
	}
	if err := n.remakeArg(&f); err != nil {
		return f, err
	}
	f.User, f.Seq, f.Prev, f.Recovery = user, seq, make([]byte, 32), nil
	if prev == nil {
		f.Recovery = (*[]byte)(&n.log.RecoveryPublic)
	} else {
		f.Prev = hashOf(prev)
	}
	again, err := signForm(seed, kid, f)
	return f, errors.Join(err, equal("entry made anew", again, entry))
}

// remakeArg makes what an entry is about anew: the cert_id of a device, or a record.
func (n *nativeFile) remakeArg(f *entryForm) error {
	if len(*f.Arg) == len(device.CertID{}) {
		_, err := n.withCert(*f.Arg)
		return err
	}
	var r recordForm
	if _, err := readForm(*f.Arg, &r); err != nil {
		return err
	}
	for _, d := range n.devices {
		if bytes.Equal(d.ID, r.ID) {
			record, err := d.signRecord(r.Suite, r.Created)
			return errors.Join(err, equal("record made anew", record, *f.Arg))
		}
	}
	return errors.New("record of no device of the file")
}

// withCert is the device of that cert_id.
func (n *nativeFile) withCert(cert []byte) (*nativeDevice, error) {
	for _, d := range n.devices {
		if bytes.Equal(d.Cert, cert) {
			return d, nil
		}
	}
	return nil, errors.New("cert_id of no device of the file")
}

// logUser is whose log it is: the device's who signed the root.
func (n *nativeFile) logUser() (string, error) {
	kid, err := readForm(n.log.Root, &entryForm{})
	if err != nil {
		return "", err
	}
	d, err := n.withCert(kid)
	if err != nil {
		return "", fmt.Errorf("root: %w", err)
	}
	return d.User, nil
}

// verifyLogs returns both logs.
func (n *nativeFile) verifyLogs() (whole, updated *device.Log, err error) {
	l := &n.log
	user, err := n.logUser()
	if err != nil {
		return nil, nil, err
	}
	whole, err1 := device.Verify(user, [][]byte{l.Root, l.Add, l.Revoke, l.Recover})
	updated, err2 := device.Verify(user, [][]byte{l.Root, l.Add, l.Update})
	return whole, updated, errors.Join(err1, err2)
}

func (n *nativeFile) checkLogs() error {
	whole, updated, err := n.verifyLogs()
	if err != nil {
		return err
	}
	pin, anchor := whole.Pin(), whole.Anchor()
	hybrid := slices.ContainsFunc(updated.Active(), func(r *device.Record) bool { return r.Suite() == device.Hybrid })
	return errors.Join(
		equal("root", pin.Root[:], n.log.RootHash),
		equal("head", pin.Head[:], n.log.Head),
		equal("anchor", anchor[:], n.log.Anchor),
		same("number of active devices", len(whole.Active()), 1),
		same("whether a device has suite 2 after the update", hybrid, true))
}

// checkSizes holds the sizes against the smallest entry and some device-key of each suite.
func (n *nativeFile) checkSizes() error {
	l := &n.log
	return errors.Join(
		same("size of the smallest entry", min(len(l.Root), len(l.Add), len(l.Revoke), len(l.Recover)), l.SmallEntry),
		n.someDeviceKey(1, l.SmallDeviceKey),
		n.someDeviceKey(2, l.LargeDeviceKey))
}

func (n *nativeFile) someDeviceKey(suite uint64, size int) error {
	for _, d := range n.devices {
		if d.Suite == suite && len(d.DeviceKey) == size {
			return nil
		}
	}
	return fmt.Errorf("no device-key of suite %d has %d bytes", suite, size)
}
