package link

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/cpace"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/internal/qr"
	"github.com/sottokit/sotto/internal/secret"
)

// Old is an attempt as the device that has the account sees it. Its states are Waiting for the new device, Asking, Waiting
// for its record, Admitting, Waiting until it registered, and Done.
//
// It is safe for concurrent use. The zero value and nil are attempts that were aborted.
type Old struct {
	_ [0]func()
	redacted
	attempt
	me         *device.Record
	choice     *linking.M8
	rendezvous [16]byte

	qr, passphrase *secret.Bytes    // with a QR code, until it was answered
	key            *ecdh.PrivateKey // eO
	code, opening  *secret.Bytes    // with a code; opening is rO
	party          *cpace.Party
	first, ad, ci  []byte

	digits    *secret.Bytes  // while the person types
	log       *device.Log    // that the person confirmed with, and its pin of M3
	candidate *device.Record // the new device, and its device-key
	deviceKey []byte
}

// maxGuesses is how many answers to a QR code may be wrong: each is a guess at a passphrase of 256 bits, or somebody's
// mischief. A code takes one answer.
const maxGuesses = 8

// maxTime is a Unix time to which Life can be added below 2^53, the bound of all integers of the formats.
const maxTime = 1 << 52

// Offer begins an attempt with a QR code, for a new device of the account that me is a device of. No record, a choice that is
// none and a time before 1970 are fault.Misuse.
func Offer(me *device.Record, c Choice, now time.Time) (*Old, error) {
	return OfferFrom(linking.NewOldSeed(), me, c, now)
}

// OfferFrom is Offer with given randomness, for test vectors. Nobody outside sotto has any to give. The seed belongs to the
// attempt, which wipes it.
func OfferFrom(seed *linking.OldSeed, me *device.Record, c Choice, now time.Time) (*Old, error) {
	if seed == nil {
		return nil, errNoSeed
	}
	defer seed.Wipe()
	o, err := newOld(seed, me, c, now)
	if err != nil {
		seed.Destroy()
		return nil, err
	}
	q := linking.QR{
		Rendezvous: seed.Rendezvous, Passphrase: seed.Passphrase, Key: seed.Key.Public(),
		User: me.User(), Cert: me.Cert(), Expires: uint64(now.Add(Life).Unix()),
	}
	defer clear(q.Passphrase[:])
	seed.Scalar.Destroy() // belongs to a code
	o.key = seed.Key
	o.qr, o.passphrase = secret.Own(q.Marshal()), secret.Own(bytes.Clone(seed.Passphrase[:]))
	o.due, o.tries = o.answerToQR, maxGuesses
	return o, nil
}

// OfferCode begins an attempt with a short code, for a new device that has no camera. The nameplate, 4 to 8 digits, comes from
// the server, which keeps First under it for whoever asks; another text is fault.Malformed. Else it is Offer.
func OfferCode(nameplate string, me *device.Record, c Choice, now time.Time) (*Old, error) {
	return OfferCodeFrom(linking.NewOldSeed(), nameplate, me, c, now)
}

// OfferCodeFrom is OfferCode with given randomness, for test vectors. Nobody outside sotto has any to give. The seed belongs
// to the attempt, which wipes it.
func OfferCodeFrom(seed *linking.OldSeed, nameplate string, me *device.Record, c Choice, now time.Time) (*Old, error) {
	if seed == nil {
		return nil, errNoSeed
	}
	defer seed.Wipe()
	if !linking.ValidNameplate(nameplate) {
		seed.Destroy()
		return nil, fmt.Errorf("link: nameplate of %d bytes is not 4 to 8 digits: %w", len(nameplate), fault.Malformed)
	}
	o, err := newOld(seed, me, c, now)
	if err != nil {
		seed.Destroy()
		return nil, err
	}
	o.ci, o.ad = linking.CI(nameplate), linking.OldAD(me.User(), me.Cert())
	o.code, o.opening = secret.Own([]byte(linking.CodeText(nameplate, seed.Secret))), secret.Own(bytes.Clone(seed.Opening[:]))
	seed.Key.Destroy() // belongs to a QR code
	prs := []byte(seed.Secret)
	defer clear(prs)
	o.party = cpace.Begin(seed.Scalar, prs, o.ci, seed.Rendezvous[:])
	if o.party.Share() == nil {
		return nil, fmt.Errorf("link: scalar of CPace: %w", fault.DestroyedKey)
	}
	c1 := linking.C1{Rendezvous: seed.Rendezvous, AD: o.ad, Commitment: sha256.Sum256(seed.Opening[:])}
	copy(c1.Share[:], o.party.Share())
	if o.first, err = c1.Marshal(); err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	o.due, o.tries = o.answerToCode, 1
	return o, nil
}

func newOld(seed *linking.OldSeed, me *device.Record, c Choice, now time.Time) (*Old, error) {
	if me == nil || len(me.Bytes()) == 0 {
		return nil, fmt.Errorf("link: no record of this device: %w", fault.Misuse)
	}
	if s := now.Unix(); s < 0 || s > maxTime {
		return nil, fmt.Errorf("link: a time before 1970, or far ahead: %w", fault.Misuse)
	}
	c.Vault = bytes.Clone(c.Vault)
	choice, err := c.message()
	if err != nil {
		return nil, err
	}
	o := &Old{
		redacted: secret.Redact("link.Old", seed.Rendezvous[:]), me: me, choice: choice, rendezvous: seed.Rendezvous,
	}
	o.state = Waiting
	o.begin(now, o.wipeAll)
	return o, nil
}

func (o *Old) wipeAll() {
	o.wipeOffer()
	o.digits.Destroy()
}

// wipeOffer wipes what was shown, and what belongs to it: it is good for one answer.
func (o *Old) wipeOffer() {
	for _, s := range []*secret.Bytes{o.qr, o.passphrase, o.code, o.opening} {
		s.Destroy()
	}
	o.key.Destroy()
	o.party.Destroy()
}

// common is what both sides have alike, of nil that of an attempt that was aborted.
func (o *Old) common() *attempt {
	if o == nil {
		return &attempt{}
	}
	return &o.attempt
}

// State returns how far the attempt is.
func (o *Old) State(now time.Time) State { return o.common().stateAt(now) }

// Cancel ends the attempt, unless it is done. Who cancels after the new device's record was signed for revokes it.
func (o *Old) Cancel() { o.common().cancel() }

// QR returns what is to be shown as a QR code, at most MaxQR bytes. It is secret: whoever sees it on the screen may answer
// it. It is nil once it was answered, after the end, and with a code.
func (o *Old) QR() (content []byte) {
	if o == nil {
		return nil
	}
	content, _ = o.qr.Export()
	return content
}

// PNG returns the QR code as a picture, size pixels a side. It is as secret as QR. A size that is too small or over 4,096
// is fault.Misuse, and so is an attempt that has nothing to show.
func (o *Old) PNG(size int) (picture []byte, err error) {
	err = o.draw(func(content []byte) error {
		picture, err = qr.PNG(content, size)
		return err
	})
	return picture, err
}

// Terminal returns the QR code for a terminal, two modules to a character. It is as secret as QR. Of an attempt that has
// nothing to show it is fault.Misuse.
func (o *Old) Terminal() (lines string, err error) {
	err = o.draw(func(content []byte) error {
		lines, err = qr.Terminal(content)
		return err
	})
	return lines, err
}

func (o *Old) draw(f func(content []byte) error) error {
	content := o.QR()
	defer clear(content)
	if err := f(content); err != nil {
		return fmt.Errorf("link: %w", err)
	}
	return nil
}

// Code returns what is to be shown, "NAMEPLATE-SECRET", for the person to type into the new device. It is secret. It is ""
// once it was answered, after the end, and with a QR code.
func (o *Old) Code() string {
	if o == nil {
		return ""
	}
	return text(o.code)
}

// First returns the message that waits under the nameplate. It is nil with a QR code.
func (o *Old) First() []byte {
	if o == nil {
		return nil
	}
	return bytes.Clone(o.first)
}

// Rendezvous names the mailbox of both directions.
func (o *Old) Rendezvous() [16]byte {
	if o == nil {
		return [16]byte{}
	}
	return o.rendezvous
}

// Choice returns what the new device gets.
func (o *Old) Choice() Choice {
	if o == nil || o.choice == nil {
		return Choice{}
	}
	return choiceOf(o.choice)
}

// Candidate returns the record and the device-key of the new device, once they are there: from Admitting on, and after the
// end, too, since who signed for the record may have to revoke it.
func (o *Old) Candidate() (r *device.Record, deviceKey []byte) {
	if o == nil {
		return nil, nil
	}
	o.look(func() { r, deviceKey = o.candidate, bytes.Clone(o.deviceKey) })
	return r, deviceKey
}
