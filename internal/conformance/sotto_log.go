package conformance

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/recovery"
)

// sottoLog is a whole log of a user.
type sottoLog struct {
	Inputs struct {
		User  string            `json:"user"`
		Steps []json.RawMessage `json:"steps"` // sottoEntry: how the entries are made
	} `json:"inputs"`
	Outputs struct {
		Entries     []octets `json:"entries"`
		Root        octets   `json:"root"`
		Head        octets   `json:"head"`
		Anchor      octets   `json:"anchor"`
		Active      []octets `json:"active"` // cert_ids, in the order in which the devices were admitted
		HasRecovery bool     `json:"has_recovery"`
	} `json:"outputs"`
}

// sottoEntry is what an entry says, and with whose seed it is signed: a device's or, where there is none, the one that
// follows from a recovery key.
type sottoEntry struct {
	Op       uint64      `json:"op"`
	Seed     octets      `json:"seed,omitempty"`
	Recovery octets      `json:"recovery_key,omitempty"`
	KID      octets      `json:"kid"`
	Record   *recordFrom `json:"record,omitempty"`
	Cert     *octets     `json:"cert_id,omitempty"`
	Issued   uint64      `json:"issued"`
	Next     octets      `json:"next_recovery_key,omitempty"` // in force from here on
}

// recordFrom is what the record of an entry is made from.
type recordFrom struct {
	ID      octets `json:"device_id"`
	Seed    octets `json:"seed"`
	Suite   uint64 `json:"suite"`
	Created uint64 `json:"created"`
}

func (c *sottoLog) read() error {
	l, err := device.Verify(c.Inputs.User, plain(c.Outputs.Entries))
	if err != nil {
		return err
	}
	pin, anchor := l.Pin(), l.Anchor()
	return errors.Join(
		same("user", l.User(), c.Inputs.User),
		equal("root", pin.Root[:], c.Outputs.Root),
		equal("head", pin.Head[:], c.Outputs.Head),
		equal("anchor", anchor[:], c.Outputs.Anchor),
		sameActive(l, c.Outputs.Active),
		same("whether there is a recovery key", l.HasRecovery(), c.Outputs.HasRecovery))
}

// write makes every entry anew.
func (c *sottoLog) write() error {
	if len(c.Inputs.Steps) != len(c.Outputs.Entries) {
		return fmt.Errorf("%d entries from %d", len(c.Outputs.Entries), len(c.Inputs.Steps))
	}
	prev := make([]byte, len(device.Hash{}))
	for i, object := range c.Inputs.Steps {
		var e sottoEntry
		if err := decode(object, &e); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
		b, err := e.sign(c.Inputs.User, uint64(i), prev)
		if err := errors.Join(err, equal("entry made anew", b, c.Outputs.Entries[i])); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
		prev = hashOf(b)
	}
	return nil
}

func (e *sottoEntry) sign(user string, seq uint64, prev []byte) ([]byte, error) {
	seed, err1 := e.signer()
	arg, err2 := e.arg(user)
	next, err3 := e.next()
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	return signForm(seed, e.KID, entryForm{
		User: user, Seq: seq, Prev: prev, Op: e.Op, Arg: arg, Issued: e.Issued, Recovery: next,
	})
}

// signer is the seed that signs.
func (e *sottoEntry) signer() ([]byte, error) {
	if e.Seed != nil {
		return e.Seed, nil
	}
	return recoverySecret(e.Recovery, recovery.ForLog)
}

// arg is a record, a cert_id or nil.
func (e *sottoEntry) arg(user string) (*[]byte, error) {
	r := e.Record
	if r == nil {
		return (*[]byte)(e.Cert), nil
	}
	public, err := publicOf(r.Seed)
	if err != nil {
		return nil, err
	}
	record, err := signRecord(r.Seed, recordForm{user, r.ID, public, r.Suite, r.Created})
	return &record, err
}

// next is the recovery key from here on, nil where none is set.
func (e *sottoEntry) next() (*[]byte, error) {
	if e.Next == nil {
		return nil, nil
	}
	seed, err := recoverySecret(e.Next, recovery.ForLog)
	if err != nil {
		return nil, err
	}
	public, err := publicOf(seed)
	return &public, err
}

// sameActive compares the active devices of a log.
func sameActive(l *device.Log, want []octets) error {
	active := l.Active()
	if len(active) != len(want) {
		return fmt.Errorf("%d active devices, want %d", len(active), len(want))
	}
	for i, r := range active {
		cert := r.Cert()
		if err := equal(fmt.Sprintf("active device %d", i), cert[:], want[i]); err != nil {
			return err
		}
	}
	return nil
}
