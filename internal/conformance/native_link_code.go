package conformance

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/cpace"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/link"
)

// nativeLinkCode is an attempt with a code, up to the new device's answer.
type nativeLinkCode struct {
	Nameplate  string `json:"nameplate"`
	Secret     string `json:"secret"`
	Rendezvous octets `json:"sid"`
	CI         octets `json:"ci"`
	OldAD      octets `json:"ad_a"`
	NewAD      octets `json:"ad_b"`
	OldScalar  octets `json:"scalar_a"`
	NewScalar  octets `json:"scalar_b"`
	OldShare   octets `json:"Ya"`
	NewShare   octets `json:"Yb"`
	ISK        octets `json:"isk"`
	Transcript octets `json:"transcript"`
	PRK        octets `json:"prk"`
	C2         octets `json:"c2"`
}

func (n *nativeFile) runLinkCode(s *suite, section []byte) error {
	v := &nativeLinkCode{}
	if err := decode(section, v); err != nil {
		return err
	}
	s.check("link by code: CPace", func() (string, error) { return "", v.checkCPace() })
	s.check("link by code: keys", func() (string, error) { return "", v.checkKeys(n) })
	s.check("link by code: both sides", func() (string, error) { return "", v.runBothSides(n) })
	return nil
}

// checkCPace runs both parties.
func (v *nativeLinkCode) checkCPace() error {
	a, err1 := cpace.ScalarFrom(v.OldScalar)
	b, err2 := cpace.ScalarFrom(v.NewScalar)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	old, young := cpace.Begin(a, []byte(v.Secret), v.CI, v.Rendezvous), cpace.Begin(b, []byte(v.Secret), v.CI, v.Rendezvous)
	isk1, err1 := old.Initiator(v.OldAD, young.Share(), v.NewAD)
	isk2, err2 := young.Responder(v.NewAD, old.Share(), v.OldAD)
	return errors.Join(err1, err2,
		equal("Ya", old.Share(), v.OldShare),
		equal("Yb", young.Share(), v.NewShare),
		equal("ISK of the old device", isk1, v.ISK),
		equal("ISK of the new device", isk2, v.ISK))
}

// checkKeys makes everything anew but what CPace makes.
func (v *nativeLinkCode) checkKeys(n *nativeFile) error {
	founder, err := n.founder()
	if err != nil {
		return err
	}
	ci, err1 := wire.Marshal([]any{wire.LabelLink, v.Nameplate})
	oldAD, err2 := wire.Marshal([]any{wire.LabelLink, "old", founder.User, []byte(founder.Cert)})
	newAD, err3 := wire.Marshal([]any{wire.LabelLink, "new"})
	seen, err4 := wire.Marshal([]any{wire.LabelLinkTranscript, 2, []byte(v.Rendezvous), ci, oldAD, []byte(v.OldShare), newAD,
		[]byte(v.NewShare)})
	prk, err5 := hkdf.Extract(sha256.New, v.ISK, v.Rendezvous)
	form := linkForm{v.Rendezvous, hashOf(seen), prk}
	tag, err6 := form.tag("new")
	c2, err7 := wire.Marshal(map[uint64]any{1: []byte(v.NewShare), 2: newAD, 3: tag})
	return errors.Join(err1, err2, err3, err4, err5, err6, err7,
		equal("CI", ci, v.CI),
		equal("AD of the old device", oldAD, v.OldAD),
		equal("AD of the new device", newAD, v.NewAD),
		equal("transcript", form.transcript, v.Transcript),
		equal("PRK", form.prk, v.PRK),
		equal("C2 made anew", c2, v.C2))
}

// founder is the device that signed the first entry of the log.
func (n *nativeFile) founder() (*nativeDevice, error) {
	kid, err := readForm(n.log.Root, &entryForm{})
	if err != nil {
		return nil, err
	}
	return n.withCert(kid)
}

// runBothSides goes on until the new device shows what the old one takes. The file has no opening: any will do.
func (v *nativeLinkCode) runBothSides(n *nativeFile) error {
	founder, err := n.founder()
	if err != nil {
		return err
	}
	me, err1 := device.ParseRecord(founder.User, founder.Record)
	l, err2 := device.Verify(founder.User, [][]byte{n.log.Root})
	a, err3 := cpace.ScalarFrom(v.OldScalar)
	b, err4 := cpace.ScalarFrom(v.NewScalar)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	seed := &linking.OldSeed{Secret: v.Secret, Scalar: a, Opening: [32]byte{1}}
	if copy(seed.Rendezvous[:], v.Rendezvous) != len(v.Rendezvous) {
		return fmt.Errorf("rendezvous of %d bytes", len(v.Rendezvous))
	}
	at := time.Unix(0, 0)
	old, err := link.OfferCodeFrom(seed, v.Nameplate, me, link.Choice{History: link.Nothing}, at)
	if err != nil {
		return err
	}
	young, err := link.EnterFrom(&linking.NewSeed{Scalar: b}, old.Code(), at)
	if err != nil {
		return err
	}
	if _, err := young.Receive(old.First(), at); err != nil {
		return err
	}
	c2, err := young.Join(device.Classical, at)
	if err := errors.Join(err, equal("C2", c2, v.C2), same("user", young.User(), founder.User)); err != nil {
		return err
	}
	m2, err := old.Receive(v.C2, at)
	if err != nil {
		return err
	}
	if _, err := young.Receive(m2, at); err != nil {
		return err
	}
	_, err = old.Confirm(young.Digits(), l, at)
	return err
}
