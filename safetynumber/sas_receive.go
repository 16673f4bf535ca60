package safetynumber

import (
	"crypto/subtle"
	"fmt"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/sas"
	"github.com/sottokit/sotto/internal/secret"
)

// Receive takes a message of the other device. reply is to be sent back, nil when there is nothing to say. State tells what
// came of it: SASDiffer and SASAborted are no errors when the other side says so.
//
// Every error ends the attempt: fault.Malformed for what is no message, and a key of low order; fault.UnsupportedVersion for
// one of a newer version; fault.Replayed for one that came before or that this device sent itself; fault.TooFarAhead for
// one before its time; fault.Damaged for one of another attempt, a key that is not the one committed to, and a confirmation
// by a device that holds something else. Once the attempt has ended, whatever comes is fault.Expired, and the end stays
// what it is.
func (s *SAS) Receive(message []byte) (reply []byte, err error) {
	if s == nil {
		return nil, errEnded
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.ended() {
		return nil, errEnded
	}
	if reply, err = s.receive(message); err != nil {
		s.end(SASAborted)
		return nil, fmt.Errorf("safetynumber: SAS: %w", err)
	}
	return reply, nil
}

var errEnded = fmt.Errorf("safetynumber: SAS: the attempt has ended: %w", fault.Expired)

func (s *SAS) receive(message []byte) (reply []byte, err error) {
	m, err := sas.Parse(message)
	if err != nil {
		return nil, err
	}
	if m.Transaction != s.transaction {
		return nil, fmt.Errorf("message of another attempt: %w", fault.Damaged)
	}
	switch m.Kind {
	case sas.Deny:
		s.end(SASDiffer)
		return nil, nil
	case sas.Cancel:
		s.end(SASAborted)
		return nil, nil
	}
	if m.Kind < s.next {
		return nil, fmt.Errorf("message of kind %d again, or sent back: %w", m.Kind, fault.Replayed)
	}
	if m.Kind > s.next {
		return nil, fmt.Errorf("message of kind %d, want %d: %w", m.Kind, s.next, fault.TooFarAhead)
	}
	switch m.Kind {
	case sas.Accept:
		s.commitment, s.next = m.Body, sas.ResponderKey
		return s.message(sas.InitiatorKey, s.transcript.InitiatorKey)
	case sas.InitiatorKey:
		s.transcript.InitiatorKey = m.Body
		if err := s.agree(m.Body, sas.InitiatorConfirm); err != nil {
			return nil, err
		}
		return s.message(sas.ResponderKey, s.transcript.ResponderKey)
	case sas.ResponderKey:
		want := sas.Commitment(m.Body, s.transcript.Start)
		if subtle.ConstantTimeCompare(want[:], s.commitment) != 1 {
			return nil, fmt.Errorf("not the key that was committed to: %w", fault.Damaged)
		}
		s.transcript.ResponderKey = m.Body
		return nil, s.agree(m.Body, sas.ResponderConfirm)
	}
	return nil, s.peerConfirmed(m)
}

// agree computes what is shown, and waits for the confirmation of that kind.
func (s *SAS) agree(peerKey []byte, next sas.Kind) error {
	public, err := ecdh.NewPublicKey(peerKey)
	if err != nil {
		return err
	}
	agreed, err := s.key.Agree(public)
	if err != nil {
		return err
	}
	defer agreed.Destroy()
	shown, confirm, err := s.transcript.Derive(agreed)
	if err != nil {
		return err
	}
	s.key.Destroy()
	s.shown, s.confirm = shown, secret.Own(confirm)
	s.state, s.next = SASShown, next
	return nil
}

// peerConfirmed checks that the other device holds what this one holds, to the last byte: its key of the confirmations
// follows from all of that.
func (s *SAS) peerConfirmed(m *sas.Message) error {
	want, err := s.mac(m.Kind)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(want, m.Body) != 1 {
		return fmt.Errorf("confirmation by a device that holds something else: %w", fault.Damaged)
	}
	s.next = m.Kind + 1 // so that a second one is over
	if s.state == SASConfirmed {
		s.end(SASDone)
	} else {
		s.state = SASPeerConfirmed
	}
	return nil
}

func (s *SAS) mac(kind sas.Kind) (mac []byte, err error) {
	err = s.confirm.Use(func(key []byte) error {
		mac = sas.MAC(key, kind)
		return nil
	})
	return mac, err
}
