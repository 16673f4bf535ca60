package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/store"
)

var logs = act{"A device log: who Alice's devices are, whatever a server says", []step{
	{"Alice founds her log with her phone", foundLog},
	{"the phone adds her laptop", addLaptop},
	{"Bob verifies the log and pins it", bobVerifies},
	attack("device added by the server", fault.UntrustedSigner, serverAdds),
	attack("another log in Alice's name", fault.IdentityChanged, serverFounds),
	{"laptop stolen: the phone revokes it", revokeLaptop},
	attack("device added by the revoked laptop", fault.RevokedDevice, laptopAdds),
	attack("the log served without the revocation", fault.Rollback, serverHides),
	{"device added by the laptop, dated back", thiefForks},
	{"Alice's recovery key ends all but a new phone", recoverLog},
	attack("the thief's branch again", fault.Rollback, thiefAgain),
	{"who has the thief's branch moves to Alice's", carolMoves},
}}

// alice is the user ID of Alice as the device log has it.
var alice = string(aliceID)

// publish stores the keys with the entry that they signed, and only then lets it into the log that everybody reads.
func (s *scene) publish(ctx context.Context, k *device.Keys, entry []byte, err error) (string, error) {
	if err != nil {
		return "", err
	}
	state, err := k.ExportSecretState()
	if err != nil {
		return "", err
	}
	defer clear(state)
	id := k.Record().ID()
	err = s.withStore(ctx, s.backend(), func(db *store.DB) error {
		return db.Update(ctx, func(tx *store.Tx) error {
			tx.Put(store.Name{Room: keysName.Room, Parts: [][]byte{id[:]}}, state)
			return nil
		})
	})
	if err != nil {
		return "", err
	}
	entries, err := s.logEntries()
	if err != nil {
		return "", err
	}
	entries = append(entries, entry)
	if _, err := s.save(aliceLogFile, logBytes(entries)); err != nil {
		return "", err
	}
	l, err := device.Verify(alice, entries)
	if err != nil {
		return "", err
	}
	if settled, err := k.Settle(l); err != nil || !settled {
		return "", fmt.Errorf("the entry is in the log and still pending: %v", err)
	}
	return fmt.Sprintf("entry %d of %d bytes, %s", l.Pin().Seq, len(entry), plural(len(l.Active()), "device")), nil
}

// logEntries is Alice's log as everybody reads it.
func (s *scene) logEntries() ([][]byte, error) {
	b, err := s.load(aliceLogFile)
	if err != nil {
		return nil, err
	}
	return cutLog(b)
}

// log is Alice's log as she has it.
func (s *scene) log() (*device.Log, error) {
	entries, err := s.logEntries()
	if err != nil {
		return nil, err
	}
	return device.Verify(alice, entries)
}

// newDevice makes the keys of a device that says it is Alice's.
func newDevice() (*device.Keys, error) { return device.Generate(alice, device.Hybrid, time.Now()) }

func foundLog(ctx context.Context, s *scene) (note string, err error) {
	if s.phone, err = newDevice(); err != nil {
		return "", err
	}
	rk, err := recovery.Parse(s.paper)
	if err != nil {
		return "", err
	}
	defer rk.Destroy()
	if _, err := s.save(aliceLogFile, nil); err != nil {
		return "", err
	}
	entry, err := s.phone.Found(rk, time.Now())
	return s.publish(ctx, s.phone, entry, err)
}

func addLaptop(ctx context.Context, s *scene) (note string, err error) {
	if s.laptop, err = newDevice(); err != nil {
		return "", err
	}
	l, err := s.log()
	if err != nil {
		return "", err
	}
	entry, err := l.Add(s.phone, s.laptop.Record(), time.Now())
	return s.publish(ctx, s.phone, entry, err)
}

func bobVerifies(_ context.Context, s *scene) (note string, err error) {
	if s.bobsView, err = s.log(); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, anchor %.16v…", plural(len(s.bobsView.Active()), "device"), s.bobsView.Anchor()), nil
}

func revokeLaptop(ctx context.Context, s *scene) (string, error) {
	l, err := s.log()
	if err != nil {
		return "", err
	}
	entry, err := l.Revoke(s.phone, s.laptop.Record().ID(), time.Now())
	note, err := s.publish(ctx, s.phone, entry, err)
	if err != nil {
		return "", err
	}
	return note, s.bobFollows()
}

// bobFollows has Bob read Alice's log again.
func (s *scene) bobFollows() error {
	entries, err := s.logEntries()
	if err != nil {
		return err
	}
	l, err := s.bobsView.Extend(entries)
	if err != nil {
		return err
	}
	s.bobsView = l
	return nil
}

func recoverLog(ctx context.Context, s *scene) (note string, err error) {
	if s.newPhone, err = newDevice(); err != nil {
		return "", err
	}
	rk, err := recovery.Parse(s.paper)
	if err != nil {
		return "", err
	}
	defer rk.Destroy()
	l, err := s.log()
	if err != nil {
		return "", err
	}
	entry, err := l.Recover(s.newPhone, rk, nil, time.Now())
	if note, err = s.publish(ctx, s.newPhone, entry, err); err != nil {
		return "", err
	}
	return note, s.bobFollows()
}
