package conformance

import (
	"errors"
	"fmt"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/internal/wire"
)

// nativeLink is a device that was linked by a QR code: the laptop of the log, by its founder.
type nativeLink struct {
	OldKey     octets `json:"eO_priv"`
	NewKey     octets `json:"eN_priv"`
	Passphrase octets `json:"passphrase_bytes"`
	Rendezvous octets `json:"rendezvous_id"`
	QR         octets `json:"qr_cbor"`
	QRSize     int    `json:"qr_len"`

	Transcript octets `json:"transcript"`
	PRK        octets `json:"prk"`
	Confirm    octets `json:"k_confirm"`
	ToNew      octets `json:"k_old_to_new"`
	ToNewIV    octets `json:"iv_old_to_new"`
	ToOld      octets `json:"k_new_to_old"`
	ToOldIV    octets `json:"iv_new_to_old"`
	Digits     string `json:"check_code"`

	M1 octets `json:"m1"`
	M2 octets `json:"m2"`
	M3 octets `json:"m3"`
	M4 octets `json:"m4"`
	M5 octets `json:"m5"`
	M7 octets `json:"m7"`
}

// nativeLinking is what the section is about: the attempt, and what the rest of the file has of it.
type nativeLinking struct {
	*nativeLink
	qr       linkQRForm
	form     *linkForm
	old, new *nativeDevice
	answer   nativeAnswer // the new device's registration
}

func (n *nativeFile) runLink(s *suite, section []byte) error {
	v := &nativeLink{}
	if err := decode(section, v); err != nil {
		return err
	}
	l, err := n.newLinking(v)
	if err != nil {
		return err
	}
	s.check("link: QR code", func() (string, error) { return "", l.checkQR() })
	s.check("link: keys", func() (string, error) { return "", l.checkKeys() })
	s.check("link: M1", func() (string, error) { return "", l.checkM1() })
	contents, err := l.contents(n)
	if err != nil {
		return err
	}
	for _, c := range contents {
		s.check("link: "+c.name, func() (string, error) { return "", l.checkMessage(&c) })
	}
	s.check("link: both sides", func() (string, error) { return "", n.runBothSides(l) })
	return nil
}

func (n *nativeFile) newLinking(v *nativeLink) (*nativeLinking, error) {
	l := &nativeLinking{nativeLink: v, answer: n.answer}
	if err := wire.Unmarshal("QR code", v.QR, linking.MaxQR, &l.qr); err != nil {
		return nil, err
	}
	var admitted entryForm
	var added recordForm
	_, err1 := readForm(n.log.Add, &admitted)
	if admitted.Arg == nil {
		return nil, errors.Join(err1, errors.New("the second log entry adds no device"))
	}
	_, err2 := readForm(*admitted.Arg, &added)
	cert, err3 := added.certID()
	var err4, err5 error
	l.old, err4 = n.withCert(l.qr.Cert)
	l.new, err5 = n.withCert(cert)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}
	old, err1 := ecdh.NewPrivateKey(v.OldKey)
	young, err2 := ecdh.NewPrivateKey(v.NewKey)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	var err error
	l.form, err = linkByQR(&l.qr, v.QR, young.Public().Bytes(), old)
	return l, err
}

// checkQR makes the code anew.
func (l *nativeLinking) checkQR() error {
	key, err := ecdh.NewPrivateKey(l.OldKey)
	if err != nil {
		return err
	}
	again, err := wire.Marshal(linkQRForm{1, l.Rendezvous, l.Passphrase, key.Public().Bytes(), l.old.User, l.old.Cert, l.qr.Expires, 1})
	if err != nil {
		return err
	}
	q, err := linking.ParseQR(l.QR)
	if err != nil {
		return err
	}
	return errors.Join(
		equal("QR code made anew", again, l.QR),
		equal("QR code written again", q.Marshal(), l.QR),
		same("length", len(l.QR), l.QRSize))
}

func (l *nativeLinking) checkKeys() error {
	confirm, err1 := l.form.confirm()
	toNew, toNewIV, err2 := l.form.keys("old-to-new")
	toOld, toOldIV, err3 := l.form.keys("new-to-old")
	digits, err4 := l.form.digits(nil)
	return errors.Join(err1, err2, err3, err4,
		equal("transcript", l.form.transcript, l.Transcript),
		equal("PRK", l.form.prk, l.PRK),
		equal("key of the confirmations", confirm, l.Confirm),
		equal("key to the new device", toNew, l.ToNew),
		equal("IV to the new device", toNewIV, l.ToNewIV),
		equal("key to the old device", toOld, l.ToOld),
		equal("IV to the old device", toOldIV, l.ToOldIV),
		same("digits", digits, l.Digits))
}

func (l *nativeLinking) checkM1() error {
	key, err1 := ecdh.NewPrivateKey(l.NewKey)
	tag, err2 := l.form.tag("new")
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	again, err := wire.Marshal(map[uint64]any{1: key.Public().Bytes(), 2: tag})
	return errors.Join(err, equal("M1 made anew", again, l.M1))
}

// linkContent is a sealed message, and what it must hold.
type linkContent struct {
	name      string
	message   octets
	direction string
	seq       byte
	into      linking.Content
	fields    map[uint64]any
}

// contents makes what the messages hold from the rest of the file. Only the ticket stands nowhere else.
func (l *nativeLinking) contents(n *nativeFile) ([]linkContent, error) {
	tag, err := l.form.tag("old")
	if err != nil {
		return nil, err
	}
	root := hashOf(n.log.Root)
	return []linkContent{
		{"M2", l.M2, "old-to-new", 0, &linking.M2{}, map[uint64]any{1: tag}},
		{"M3", l.M3, "old-to-new", 1, &linking.M3{}, map[uint64]any{1: l.old.User, 2: root, 3: 0, 4: root}},
		{"M4", l.M4, "new-to-old", 0, &linking.M4{}, map[uint64]any{1: []byte(l.new.Record), 2: []byte(l.new.DeviceKey)}},
		{"M5", l.M5, "old-to-new", 2, &linking.M5{}, map[uint64]any{
			1: []byte(n.log.Add), 2: []byte(l.answer.Nonce), 3: []byte(linkTicket)}},
		{"M7", l.M7, "new-to-old", 1, &linking.M7{}, map[uint64]any{1: hashOf(l.answer.Answer)}},
	}, nil
}

// linkTicket is the server's in the file.
const linkTicket = "ticket"

// checkMessage makes a message anew, opens it as apps do, and seals what came out once more.
func (l *nativeLinking) checkMessage(c *linkContent) error {
	channel, err := l.channel()
	if err != nil {
		return err
	}
	defer channel.Destroy()
	again, err := l.form.seal(c.direction, c.seq, c.fields)
	if err != nil {
		return err
	}
	if err := channel.Open(c.message, c.into); err != nil {
		return err
	}
	sealed, err := channel.Seal(c.into)
	return errors.Join(err,
		equal(c.name+" made anew", again, c.message),
		equal(c.name+" sealed again", sealed, c.message))
}

// channel is the attempt as apps have it.
func (l *nativeLinking) channel() (*linking.Channel, error) {
	q, err := linking.ParseQR(l.QR)
	if err != nil {
		return nil, err
	}
	m1, err := linking.ParseM1(l.M1)
	if err != nil {
		return nil, err
	}
	key, err := ecdh.NewPrivateKey(l.NewKey)
	if err != nil {
		return nil, err
	}
	th := linking.TranscriptByQR(l.QR, m1.Key)
	if err := equal("transcript", th[:], l.Transcript); err != nil {
		return nil, fmt.Errorf("internal/linking: %w", err)
	}
	return linking.ByQR(q.Rendezvous, q.Passphrase[:], key, q.Key, th)
}
