package link

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/linking"
)

// Confirm takes the six digits that the person read on the new device, with spaces and dashes anywhere. There is one try:
// other digits are fault.WrongSecret, and the end. send is M3, for the new device. The app asks for the digits behind
// whatever unlocks this device, and says beside the field: whoever asks you for this code wants your messages.
//
// l is this user's log, up to date. What is no six digits, and a log in which this device is not active, are fault.Misuse
// and use nothing up.
func (o *Old) Confirm(digits string, l *device.Log, now time.Time) (send []byte, err error) {
	err = o.common().in(Asking, now, func() error {
		typed, ok := linking.TypedDigits(digits)
		if !ok {
			return fmt.Errorf("link: no six digits: %w", fault.Misuse)
		}
		if l == nil {
			return fmt.Errorf("link: no log: %w", fault.Misuse)
		}
		if _, err := l.Find(o.me.Cert()); err != nil {
			return fmt.Errorf("link: this device is not active in the log (%v): %w", err, fault.Misuse)
		}
		if subtle.ConstantTimeCompare([]byte(typed), []byte(text(o.digits))) != 1 {
			o.end(Aborted)
			return fmt.Errorf("link: not the digits of the new device: %w", fault.WrongSecret)
		}
		pin := l.Pin()
		m3 := linking.M3{User: l.User(), Root: pin.Root, Seq: pin.Seq, Head: pin.Head}
		if send, err = o.channel.Seal(&m3); err != nil {
			return fmt.Errorf("link: %w", err)
		}
		o.digits.Destroy()
		o.log, o.state, o.due = l, Waiting, o.candidateCame
		return nil
	})
	return send, err
}

// Admitted says that the log has the entry by which this device added the Candidate. l is that log, as the server has it
// now. nonce is the server's, for the new device to register with, and so is ticket: at most MaxTicket bytes, good for one
// use, which the server bound to the new record; nil for none. send is M5, for the new device.
//
// A log that does not have the entry where it belongs is fault.TooFarAhead: it is not there yet, or another one took the
// place and it never will, which is for the caller to cancel. A ticket that is too long is fault.OverLimit, an entry that is
// not that of this device for the Candidate right after the confirmed log fault.Misuse. None of them ends the attempt.
func (o *Old) Admitted(l *device.Log, entry []byte, nonce [32]byte, ticket []byte, now time.Time) (send []byte, err error) {
	err = o.common().in(Admitting, now, func() error {
		if len(ticket) > MaxTicket {
			return fmt.Errorf("link: ticket of %d bytes: %w", len(ticket), fault.OverLimit)
		}
		pin := o.log.Pin()
		if l == nil || l.Pin().Root != pin.Root {
			return fmt.Errorf("link: log of another user: %w", fault.Misuse)
		}
		by, record, prev, err := device.AddClaim(entry)
		if err != nil || by != o.me.Cert() || !bytes.Equal(record, o.candidate.Bytes()) || prev != pin.Head {
			return fmt.Errorf("link: not the entry by which this device adds the new one: %w", fault.Misuse)
		}
		if then, err := l.At(pin.Seq + 1); err != nil || then.Pin().Head != sha256.Sum256(entry) {
			return fmt.Errorf("link: the log does not have the entry: %w", fault.TooFarAhead)
		}
		m5 := linking.M5{Entry: entry, Nonce: nonce}
		if len(ticket) > 0 {
			m5.Ticket = &ticket
		}
		if send, err = o.channel.Seal(&m5); err != nil {
			return fmt.Errorf("link: %w", err)
		}
		o.state, o.due = Waiting, o.registered
		return nil
	})
	return send, err
}
