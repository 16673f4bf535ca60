package conformance

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/cpace"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/internal/wire"
)

// linkValues are what follows from the secrets of both sides.
type linkValues struct {
	ISK        octets `json:"isk,omitempty"` // of CPace, with a code
	Transcript octets `json:"th"`
	PRK        octets `json:"prk"`
	Confirm    octets `json:"confirm"`
	OldKey     octets `json:"key_old"` // what the old device seals under
	OldIV      octets `json:"iv_old"`
	NewKey     octets `json:"key_new"`
	NewIV      octets `json:"iv_new"`
	Check      octets `json:"check"`
	Digits     string `json:"digits"`
}

// write makes everything anew that does not hang on the devices' own randomness.
func (c *sottoLink) write() error {
	in := &c.Inputs
	if err := in.check(); err != nil {
		return err
	}
	f, err := c.form()
	if err != nil {
		return err
	}
	if err := c.checkValues(f); err != nil {
		return err
	}
	contents, err := c.contents(f)
	if err != nil {
		return err
	}
	channel, err := c.channel()
	if err != nil {
		return err
	}
	defer channel.Destroy()
	for name, m := range contents {
		published := *c.Outputs.named(name)
		again, err1 := f.seal(m.direction, m.seq, m.fields)
		err2 := channel.Open(published, m.into)
		sealed, err3 := channel.Seal(m.into)
		err = errors.Join(err, err1, err2, err3,
			equal(name+" made anew", again, published), equal(name+" sealed again", sealed, published))
	}
	return err
}

// form makes what the devices show, and the first message of the new one, and returns what follows.
func (c *sottoLink) form() (*linkForm, error) {
	record, err := device.ParseRecord(c.Inputs.User, c.Inputs.OldRecord)
	if err != nil {
		return nil, err
	}
	cert := record.Cert()
	if c.Inputs.byCode() {
		return c.formByCode(cert[:])
	}
	in, out := &c.Inputs, &c.Outputs
	old, err1 := ecdh.NewPrivateKey(in.OldPrivate)
	young, err2 := ecdh.NewPrivateKey(in.NewPrivate)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	shown := linkQRForm{
		1, in.Rendezvous, in.Passphrase, old.Public().Bytes(), in.User, cert[:], uint64(in.Now) + 300, 1,
	}
	qr, err := wire.Marshal(shown)
	if err != nil {
		return nil, err
	}
	key := young.Public().Bytes()
	f, err := linkByQR(&shown, qr, key, old)
	if err != nil {
		return nil, err
	}
	tag, err1 := f.tag("new")
	m1, err2 := wire.Marshal(map[uint64]any{1: key, 2: tag})
	return f, errors.Join(err1, err2, equal("QR code made anew", qr, out.QR), equal("M1 made anew", m1, out.M1))
}

// formByCode is form with a code instead of a QR code.
func (c *sottoLink) formByCode(cert []byte) (*linkForm, error) {
	in, out := &c.Inputs, &c.Outputs
	ci, err1 := wire.Marshal([]any{wire.LabelLink, in.Nameplate})
	oldAD, err2 := wire.Marshal([]any{wire.LabelLink, "old", in.User, cert})
	newAD, err3 := wire.Marshal([]any{wire.LabelLink, "new"})
	old, err4 := cpaceParty(in.OldPrivate, in.Secret, ci, in.Rendezvous)
	young, err5 := cpaceParty(in.NewPrivate, in.Secret, ci, in.Rendezvous)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}
	defer old.Destroy()
	defer young.Destroy()
	isk, err1 := old.Initiator(oldAD, young.Share(), newAD)
	again, err2 := young.Responder(newAD, old.Share(), oldAD)
	seen, err3 := wire.Marshal([]any{
		wire.LabelLinkTranscript, 2, []byte(in.Rendezvous), ci, oldAD, old.Share(), newAD, young.Share(),
	})
	f, err4 := linkByISK(in.Rendezvous, isk, hashOf(seen))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	tag, err5 := f.tag("new")
	c1, err6 := wire.Marshal(map[uint64]any{
		1: 2, 2: []byte(in.Rendezvous), 3: old.Share(), 4: oldAD, 5: hashOf(in.Opening),
	})
	c2, err7 := wire.Marshal(map[uint64]any{1: young.Share(), 2: newAD, 3: tag})
	return f, errors.Join(err5, err6, err7,
		equal("ISK", isk, out.ISK),
		equal("ISK of the new device", again, out.ISK),
		same("code", in.Nameplate+"-"+in.Secret, out.Code),
		equal("C1 made anew", c1, out.C1),
		equal("C2 made anew", c2, out.C2))
}

// linkByISK is the attempt of two devices that CPace gave a key.
func linkByISK(rendezvous, isk, transcript []byte) (*linkForm, error) {
	prk, err := hkdf.Extract(sha256.New, isk, rendezvous)
	return &linkForm{rendezvous, transcript, prk}, err
}

func cpaceParty(scalar []byte, prs string, ci, sid []byte) (*cpace.Party, error) {
	y, err := cpace.ScalarFrom(scalar)
	if err != nil {
		return nil, err
	}
	return cpace.Begin(y, []byte(prs), ci, sid), nil
}

func (c *sottoLink) checkValues(f *linkForm) error {
	out := &c.Outputs
	confirm, err1 := f.confirm()
	oldKey, oldIV, err2 := f.keys("old-to-new")
	newKey, newIV, err3 := f.keys("new-to-old")
	check, err4 := f.check(c.Inputs.Opening)
	digits, err5 := f.digits(c.Inputs.Opening)
	return errors.Join(err1, err2, err3, err4, err5,
		equal("transcript", f.transcript, out.Transcript),
		equal("PRK", f.prk, out.PRK),
		equal("key of the confirmations", confirm, out.Confirm),
		equal("key of the old device", oldKey, out.OldKey),
		equal("IV of the old device", oldIV, out.OldIV),
		equal("key of the new device", newKey, out.NewKey),
		equal("IV of the new device", newIV, out.NewIV),
		equal("check", check, out.Check),
		same("digits", digits, out.Digits))
}

// check is what the digits are made from.
func (l *linkForm) check(opening []byte) ([]byte, error) {
	parts := []any{l.transcript}
	if opening != nil {
		parts = append(parts, opening)
	}
	return l.expand(16, wire.LabelLinkCheck, parts...)
}

// contents are the sealed messages by name. Of M4 the device-key stands in the file only there.
func (c *sottoLink) contents(f *linkForm) (map[string]linkContent, error) {
	in, out := &c.Inputs, &c.Outputs
	tag, err1 := f.tag("old")
	entry, err2 := in.entry(in.Entry)
	l, err3 := in.log(in.Told)
	deviceKey, err4 := c.deviceKey()
	keys, err5 := device.ParseKeys(in.Keys)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}
	defer keys.Destroy()
	type fields = map[uint64]any
	m2 := fields{1: tag}
	if in.byCode() {
		m2[2] = []byte(in.Opening)
	}
	pin := l.Pin()
	m3 := fields{1: in.User, 2: pin.Root[:], 3: pin.Seq, 4: pin.Head[:]}
	m4 := fields{1: keys.Record().Bytes(), 2: deviceKey}
	m5 := fields{1: entry, 2: []byte(in.Nonce), 3: orNull(in.Ticket)}
	m7 := fields{1: hashOf(out.Registration)}
	m8 := fields{1: in.History, 2: orNull(in.Vault)}
	const toNew, toOld = "old-to-new", "new-to-old"
	return map[string]linkContent{
		"m2": {direction: toNew, seq: 0, into: &linking.M2{}, fields: m2},
		"m3": {direction: toNew, seq: 1, into: &linking.M3{}, fields: m3},
		"m4": {direction: toOld, seq: 0, into: &linking.M4{}, fields: m4},
		"m5": {direction: toNew, seq: 2, into: &linking.M5{}, fields: m5},
		"m7": {direction: toOld, seq: 1, into: &linking.M7{}, fields: m7},
		"m8": {direction: toNew, seq: 3, into: &linking.M8{}, fields: m8},
	}, nil
}

// channel is the attempt as apps have it.
func (c *sottoLink) channel() (*linking.Channel, error) {
	in, out := &c.Inputs, &c.Outputs
	if in.byCode() {
		return linking.ByCode([16]byte(in.Rendezvous), out.ISK, hashFrom(out.Transcript))
	}
	m1, err1 := linking.ParseM1(out.M1)
	old, err2 := ecdh.NewPrivateKey(in.OldPrivate)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	peer, err := ecdh.NewPublicKey(m1.Key[:])
	if err != nil {
		return nil, err
	}
	return linking.ByQR([16]byte(in.Rendezvous), in.Passphrase, old, peer, linking.TranscriptByQR(out.QR, m1.Key))
}

// deviceKey is that of M4 in the file.
func (c *sottoLink) deviceKey() ([]byte, error) {
	channel, err := c.channel()
	if err != nil {
		return nil, err
	}
	defer channel.Destroy()
	var m4 linking.M4
	err = channel.Open(c.Outputs.M4, &m4)
	return m4.DeviceKey, err
}
