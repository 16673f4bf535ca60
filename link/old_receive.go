package link

import (
	"crypto/subtle"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/internal/secret"
)

// Receive takes a message of the new device. send goes back to it, nil when there is nothing to say yet; State tells what is
// due next.
//
// A wrong message ends the attempt: fault.Damaged for one that does not open, fault.UntrustedSigner for a tag or a signature
// that is not the new device's, fault.Malformed, fault.OverLimit and fault.UnsupportedVersion for other forms, and what
// device.Log.CheckNew says. Of the answers to a QR code the first 7 that are wrong change nothing. Neither does a message
// that came before, or one while none is due: fault.Replayed. Once the attempt is over, whatever comes is fault.Expired.
func (o *Old) Receive(message []byte, now time.Time) (send []byte, err error) {
	return o.common().receive(message, now)
}

// answerToQR takes M1.
func (o *Old) answerToQR(message []byte) (send []byte, err error) {
	m, err := linking.ParseM1(message)
	if err != nil {
		return nil, err
	}
	peer, err := ecdh.NewPublicKey(m.Key[:])
	if err != nil {
		return nil, err
	}
	qr, err := o.qr.Export()
	if err != nil {
		return nil, err
	}
	defer clear(qr)
	passphrase, err := o.passphrase.Export()
	if err != nil {
		return nil, err
	}
	defer clear(passphrase)
	channel, err := linking.ByQR(o.rendezvous, passphrase, o.key, peer, linking.TranscriptByQR(qr, m.Key))
	if err != nil {
		return nil, err
	}
	return o.answered(channel, m.Tag, nil)
}

// answerToCode takes C2. The opening of the commitment leaves only now that the new device's share is fixed.
func (o *Old) answerToCode(message []byte) (send []byte, err error) {
	m, err := linking.ParseC2(message)
	if err != nil {
		return nil, err
	}
	isk, err := o.party.Initiator(o.ad, m.Share[:], m.AD)
	if err != nil {
		return nil, err
	}
	defer clear(isk)
	th := linking.TranscriptByCode(o.rendezvous, o.ci, o.ad, [32]byte(o.party.Share()), m.AD, m.Share)
	channel, err := linking.ByCode(o.rendezvous, isk, th)
	if err != nil {
		return nil, err
	}
	opening, err := o.opening.Export()
	if err != nil {
		return nil, err
	}
	return o.answered(channel, m.Tag, (*[32]byte)(opening))
}

// answered checks that the new device has the same channel, and makes M2, which proves the same of this one. From here on the
// new device's key is fixed: no later answer counts.
func (o *Old) answered(channel *linking.Channel, tag [32]byte, opening *[32]byte) (m2 []byte, err error) {
	defer func() {
		if err != nil {
			channel.Destroy()
		}
	}()
	if err := checkTag(channel, linking.New, tag); err != nil {
		return nil, err
	}
	mine, err := channel.Tag(linking.Old)
	if err != nil {
		return nil, err
	}
	digits, err := channel.Digits(opening)
	if err != nil {
		return nil, err
	}
	if m2, err = channel.Seal(&linking.M2{Tag: mine, Opening: opening}); err != nil {
		return nil, err
	}
	o.wipeOffer()
	o.channel, o.digits = channel, secret.Own([]byte(digits))
	o.state, o.due = Asking, nil
	return m2, nil
}

// checkTag checks that a tag is that of a side with this channel.
func checkTag(channel *linking.Channel, of linking.Side, tag [32]byte) error {
	want, err := channel.Tag(of)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(want[:], tag[:]) != 1 {
		return fmt.Errorf("tag of a device that does not hold the same: %w", fault.UntrustedSigner)
	}
	return nil
}

// candidateCame takes M4: the record and the device-key that this device will sign for, after everything that can be known
// of them was checked against the log that the person confirmed with.
func (o *Old) candidateCame(message []byte) (send []byte, err error) {
	var m linking.M4
	if err := o.channel.Open(message, &m); err != nil {
		return nil, err
	}
	r, err := device.ParseRecord(o.me.User(), m.Record)
	if err != nil {
		return nil, err
	}
	if _, err := r.VerifyKey(m.DeviceKey, o.log.Pin()); err != nil {
		return nil, err
	}
	if err := o.log.CheckNew(r); err != nil {
		return nil, err
	}
	o.candidate, o.deviceKey = r, m.DeviceKey
	o.state, o.due = Admitting, nil
	return nil, nil
}

// registered takes M7, and answers with M8: both sides show the choice.
func (o *Old) registered(message []byte) (m8 []byte, err error) {
	var m linking.M7
	if err := o.channel.Open(message, &m); err != nil {
		return nil, err
	}
	if m8, err = o.channel.Seal(o.choice); err != nil {
		return nil, err
	}
	o.end(Done)
	return m8, nil
}
