package sotto

import (
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/link"
)

// attempt is the attempt itself, nil for none: what it shows is that of one that was aborted then. One that took too
// long ends here, too.
func (o *LinkOffer) attempt() *link.Old {
	if o == nil || o.account == nil {
		return nil
	}
	o.old.State(o.account.now())
	return o.old
}

// State returns how far the attempt is: see link.State.
func (o *LinkOffer) State() link.State {
	if o == nil || o.account == nil || o.undone.Load() {
		return link.Aborted
	}
	return o.old.State(o.account.now())
}

// QR returns what is to be shown as a QR code: see link.Old.QR.
func (o *LinkOffer) QR() []byte { return o.attempt().QR() }

// PNG returns it as a picture: see link.Old.PNG.
func (o *LinkOffer) PNG(size int) ([]byte, error) { return o.attempt().PNG(size) }

// Terminal returns it for a terminal: see link.Old.Terminal.
func (o *LinkOffer) Terminal() (string, error) { return o.attempt().Terminal() }

// Code returns what is to be shown in place of a QR code: see link.Old.Code.
func (o *LinkOffer) Code() string { return o.attempt().Code() }

// First returns the message that waits under the nameplate: see link.Old.First.
func (o *LinkOffer) First() []byte { return o.attempt().First() }

// Rendezvous names the mailbox of both directions.
func (o *LinkOffer) Rendezvous() [16]byte { return o.attempt().Rendezvous() }

// Choice returns what the new device gets.
func (o *LinkOffer) Choice() link.Choice { return o.attempt().Choice() }

// Candidate returns the record of the new device and its device-key, from link.Admitting on: see link.Old.Candidate.
func (o *LinkOffer) Candidate() (r *device.Record, deviceKey []byte) { return o.attempt().Candidate() }
