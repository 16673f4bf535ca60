package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// What a server and a thief try on Alice's contacts.

// bobSees serves Bob an entry behind those that he has.
func (s *scene) bobSees(entry []byte, err error) error {
	if err != nil {
		return err
	}
	_, err = s.bobsView.Extend([][]byte{entry})
	return err
}

// forgeAdd signs that a device of the attacker's is added next, with a key that asks nobody whether it may.
func forgeAdd(l *device.Log, key ed25519.PrivateKey, as device.CertID) ([]byte, error) {
	added, err := newDevice()
	if err != nil {
		return nil, err
	}
	defer added.Destroy()
	by, err := cose.NewSigner(key, as[:])
	if err != nil {
		return nil, err
	}
	defer by.Destroy()
	const opAdd = 1
	payload, err := wire.Marshal(map[int]any{
		entryUser: alice, entrySeq: l.Pin().Seq + 1, 3: l.Pin().Head, entryOp: opAdd, entryArg: added.Record().Bytes(),
		entryIssued: time.Now().Unix(), entryRecovery: nil,
	})
	if err != nil {
		return nil, err
	}
	aad := wire.AppendText(wire.AppendHead(nil, wire.MajorArray, 2), wire.LabelDeviceLog)
	return by.Sign1(nil, payload, cose.Context{Type: wire.LabelDeviceLog, AAD: wire.AppendText(aad, alice)})
}

// serverAdds signs with a key of the server's, in the name of Alice's phone.
func serverAdds(_ context.Context, s *scene) error {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	return s.bobSees(forgeAdd(s.bobsView, key, s.phone.Record().Cert()))
}

func serverFounds(_ context.Context, s *scene) error {
	server, err := newDevice()
	if err != nil {
		return err
	}
	defer server.Destroy()
	return s.bobSees(server.Found(nil, time.Now()))
}

// laptopAdds takes the key out of the laptop: its own program would refuse.
func laptopAdds(_ context.Context, s *scene) error {
	state, err := s.laptop.ExportSecretState()
	if err != nil {
		return err
	}
	defer clear(state)
	r := wire.NewReader(state)
	r.Array("state", 16)
	r.Text("label", 64)
	r.Bytes("record", device.MaxRecord)
	seed := r.Bytes("seed", ed25519.SeedSize)
	if r.Err() != nil {
		return r.Err()
	}
	return s.bobSees(forgeAdd(s.bobsView, ed25519.NewKeyFromSeed(seed), s.laptop.Record().Cert()))
}

func serverHides(_ context.Context, s *scene) error {
	entries, err := s.logEntries()
	if err != nil {
		return err
	}
	_, err = s.bobsView.Extend(entries[:len(entries)-1])
	return err
}

// thiefForks adds a device at the place where the revocation stands. By the log before it, the laptop may.
func thiefForks(_ context.Context, s *scene) (string, error) {
	entries, err := s.logEntries()
	if err != nil {
		return "", err
	}
	revocation := s.bobsView.Pin().Seq
	before, err := s.bobsView.At(revocation - 1)
	if err != nil {
		return "", err
	}
	thief, err := newDevice()
	if err != nil {
		return "", err
	}
	defer thief.Destroy()
	entry, err := before.Add(s.laptop, thief.Record(), time.Now())
	if err != nil {
		return "", err
	}
	s.thiefsLog = append(entries[:revocation:revocation], entry)
	var fork *device.ForkError
	if _, err := s.bobsView.Extend(s.thiefsLog); !errors.As(err, &fork) || fork.Seq != revocation {
		return "", fmt.Errorf("two entries %d, and the answer is: %v", revocation, err)
	}
	return fmt.Sprintf("refused: %s, two entries %d", fault.Of(fork).Name(), fork.Seq), nil
}

func thiefAgain(_ context.Context, s *scene) error {
	_, err := s.bobsView.Extend(s.thiefsLog)
	return err
}

// carolMoves is about a contact who saw the thief's branch first.
func carolMoves(_ context.Context, s *scene) (string, error) {
	carols, err := device.Verify(alice, s.thiefsLog)
	if err != nil {
		return "", err
	}
	entries, err := s.logEntries()
	if err != nil {
		return "", err
	}
	carols, err = carols.Extend(entries)
	if err != nil {
		return "", err
	}
	if carols.Pin() != s.bobsView.Pin() {
		return "", errors.New("two contacts have two logs")
	}
	return fmt.Sprintf("%s, the same as Bob's", plural(len(carols.Active()), "device")), nil
}
