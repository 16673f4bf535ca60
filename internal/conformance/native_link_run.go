package conformance

import (
	"errors"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/link"
)

// linkSides are both sides of the attempt of the file.
type linkSides struct {
	old *link.Old
	new *link.New
	at  time.Time
}

// sides begins the attempt, with the keys of the file.
func (l *nativeLinking) sides() (*linkSides, error) {
	eO, err1 := ecdh.NewPrivateKey(l.OldKey)
	eN, err2 := ecdh.NewPrivateKey(l.NewKey)
	me, err3 := device.ParseRecord(l.old.User, l.old.Record)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	seed := &linking.OldSeed{Key: eO}
	if copy(seed.Rendezvous[:], l.Rendezvous) != len(l.Rendezvous) || copy(seed.Passphrase[:], l.Passphrase) != len(l.Passphrase) {
		return nil, fmt.Errorf("rendezvous of %d bytes, passphrase of %d", len(l.Rendezvous), len(l.Passphrase))
	}
	at := time.Unix(int64(l.qr.Expires), 0).Add(-link.Life)
	old, err := link.OfferFrom(seed, me, link.Choice{History: link.Nothing}, at)
	if err != nil {
		return nil, err
	}
	young, err := link.ScanFrom(&linking.NewSeed{Key: eN}, l.QR, at)
	return &linkSides{old, young, at}, errors.Join(err, equal("QR code that is shown", old.QR(), l.QR))
}

// runBothSides has both sides make the messages of the file. The new device draws its messaging key, so M4 is another one;
// that of the file names the log after the entry instead of the one of M3, so the old device refuses it.
func (n *nativeFile) runBothSides(l *nativeLinking) error {
	s, err := l.sides()
	if err != nil {
		return err
	}
	keys, err := l.new.keys()
	if err != nil {
		return err
	}
	before, err1 := device.Verify(l.old.User, [][]byte{n.log.Root})
	after, err2 := device.Verify(l.old.User, [][]byte{n.log.Root, n.log.Add})
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	m1, err := s.new.JoinAs(keys, s.at)
	if err := errors.Join(err, equal("M1", m1, l.M1)); err != nil {
		return err
	}
	m2, err := s.old.Receive(m1, s.at)
	if err := errors.Join(err, equal("M2", m2, l.M2)); err != nil {
		return err
	}
	if _, err := s.new.Receive(m2, s.at); err != nil {
		return err
	}
	if err := same("digits", s.new.Digits(), l.Digits); err != nil {
		return err
	}
	m3, err := s.old.Confirm(l.Digits, before, s.at)
	if err := errors.Join(err, equal("M3", m3, l.M3)); err != nil {
		return err
	}
	if _, err := s.new.Receive(m3, s.at); err != nil {
		return err
	}
	m4, err := s.new.Served(before, s.at)
	if err != nil {
		return err
	}
	if _, err := s.old.Receive(m4, s.at); err != nil {
		return err
	}
	if err := l.finish(s, after, n.log.Add); err != nil {
		return err
	}
	return l.refuseM4(before)
}

// finish goes on from Admitting.
func (l *nativeLinking) finish(s *linkSides, after *device.Log, entry []byte) error {
	nonce := hashFrom(l.answer.Nonce)
	m5, err := s.old.Admitted(after, entry, nonce, []byte(linkTicket), s.at)
	if err := errors.Join(err, equal("M5", m5, l.M5)); err != nil {
		return err
	}
	if _, err := s.new.Receive(m5, s.at); err != nil {
		return err
	}
	if _, err := s.new.Served(after, s.at); err != nil {
		return err
	}
	m7, err := s.new.Registered(l.answer.Answer, s.at)
	if err := errors.Join(err, equal("M7", m7, l.M7)); err != nil {
		return err
	}
	m8, err := s.old.Receive(m7, s.at)
	if err != nil {
		return err
	}
	_, err = s.new.Receive(m8, s.at)
	got := s.new.Nonce()
	return errors.Join(err,
		equal("nonce", got[:], l.answer.Nonce),
		same("ticket", string(s.new.Ticket()), linkTicket),
		same("state of the old device", s.old.State(s.at), link.Done),
		same("state of the new device", s.new.State(s.at), link.Done))
}

// refuseM4 gives the old device M4 as it stands in the file.
func (l *nativeLinking) refuseM4(before *device.Log) error {
	s, err := l.sides()
	if err != nil {
		return err
	}
	if _, err := s.old.Receive(l.M1, s.at); err != nil {
		return err
	}
	if _, err := s.old.Confirm(l.Digits, before, s.at); err != nil {
		return err
	}
	if _, err := s.old.Receive(l.M4, s.at); fault.Of(err) != fault.UntrustedSigner {
		return fmt.Errorf("M4 with a device-key made at another end of the log: %v, want %w", err, fault.UntrustedSigner)
	}
	return same("state after it", s.old.State(s.at), link.Aborted)
}
