package conformance

import (
	"errors"
	"fmt"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/coseimpl"
)

// nativeSuite2 is a session of two users whose devices have suite 2. What is random in an envelope is not in the file, apart
// from the envelope itself.
type nativeSuite2 struct {
	Secret    octets `json:"secret"`
	ID        octets `json:"session_id"`
	Statement octets `json:"statement_cose_sign1"`
	CEK       octets `json:"cek"`
	Envelope  octets `json:"envelope_cose_encrypt"`
	SizeOfTwo int    `json:"size_bytes_2_recipients"`
}

func (n *nativeFile) runSuite2(s *suite, section []byte) error {
	var v nativeSuite2
	if err := decode(section, &v); err != nil {
		return err
	}
	session := &nativeSession{Secret: v.Secret, ID: v.ID, Statement: v.Statement, Envelope: v.Envelope}
	f, sender, to, err := n.sessionParts(session)
	if err != nil {
		return err
	}
	session.Conversation, session.Roster = f.Conversation, f.Roster
	s.check("session of suite 2: statement", func() (string, error) {
		params, _, err := f.sessionID(sender.Cert)
		session.ParamsHash = params
		return "", errors.Join(err, session.checkStatement(f, sender, to))
	})
	s.check("session of suite 2: envelope", func() (string, error) { return "", v.checkEnvelope(to) })
	for _, d := range to {
		s.check("session of suite 2: opened by "+d.name(n), func() (string, error) { return "", v.openedBy(d) })
		s.check("session of suite 2: read by "+d.name(n), func() (string, error) {
			return "", n.readSession(session, &f, d)
		})
	}
	return nil
}

// checkEnvelope makes the envelope anew, but for what is random in it.
func (v *nativeSuite2) checkEnvelope(to []*nativeDevice) error {
	m, err := coseimpl.ParseEncrypt(v.Envelope, true)
	if err != nil {
		return err
	}
	iv, err := m.Bytes(coseimpl.HeaderIV)
	if err != nil {
		return err
	}
	var recipients []any
	for i, d := range to {
		key, sealed, err := encapsulated(m, i)
		if err != nil {
			return err
		}
		r, err := recipientForm2(d.KeyID, key, sealed)
		if err != nil {
			return err
		}
		recipients = append(recipients, r)
	}
	b, err := envelopeForm(v.ID, v.Statement, v.CEK, iv, recipients)
	return errors.Join(err,
		equal("envelope made anew", b, v.Envelope),
		same("number of recipients", len(to), 2),
		same("size of the envelope", len(b), v.SizeOfTwo))
}

// openedBy gets the content key out of a device's recipient.
func (v *nativeSuite2) openedBy(d *nativeDevice) error {
	m, err := coseimpl.ParseEncrypt(v.Envelope, true)
	if err != nil {
		return err
	}
	for i, id := range m.KeyIDs() {
		if string(id) != string(d.KeyID) {
			continue
		}
		key, sealed, err1 := encapsulated(m, i)
		info, err2 := infoForm2(v.ID, d.KeyID, d.Cert)
		protected, err3 := protectedForm2()
		private, err4 := ecdh.NewHybridPrivateKey(d.XWing)
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			return err
		}
		defer private.Destroy()
		cek, err := private.Open(key, info, protected, sealed)
		return errors.Join(err, equal("content key", cek, v.CEK))
	}
	return fmt.Errorf("no recipient of %x", d.KeyID)
}

// encapsulated are the encapsulated key and the encrypted content key of a recipient.
func encapsulated(m *coseimpl.Encrypt, i int) (key, sealed []byte, err error) {
	const label = -4 // of an encapsulated key
	headers, sealed := m.Recipient(i)
	key, err = headers.Bytes(label)
	return key, sealed, err
}
