package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/session"
)

// nativeSession is a session of two users, sealed to devices of both.
type nativeSession struct {
	Conversation octets `json:"conversation_id"`
	Roster       octets `json:"roster_hash"`
	ParamsHash   octets `json:"params_hash"`
	Secret       octets `json:"secret"`
	ID           octets `json:"session_id"`
	Statement    octets `json:"statement_cose_sign1"`

	R         octets `json:"r"`
	CEK       octets `json:"cek"`
	IV        octets `json:"iv"`
	Ephemeral octets `json:"ephemeral_priv"`
	Context   octets `json:"first_recipient_kdf_context"`
	KEK       octets `json:"first_recipient_kek"`
	Envelope  octets `json:"envelope_cose_encrypt"`
	Stripped  octets `json:"envelope_stripped_for_bob_tablet"`

	SizeOfFour  int `json:"size_bytes_4_recipients"`
	SizeOfOther int `json:"bytes_per_recipient"`
}

// strippedFor is the device that the stripped envelope of a file is for.
const strippedFor = "bob/tablet"

func (n *nativeFile) runSession(s *suite, _ []byte) error {
	v := &n.session
	f, sender, to, err := n.sessionParts(v)
	if err != nil {
		return err
	}
	s.check("session: statement", func() (string, error) { return "", v.checkStatement(f, sender, to) })
	s.check("session: envelope", func() (string, error) { return "", n.checkEnvelope(v, to) })
	for _, d := range to {
		s.check("session: read by "+d.name(n), func() (string, error) { return "", n.readSession(v, &f, d) })
	}
	return nil
}

// sessionParts are what the statement says, the device that signed it, and the devices that the envelope is for, in its
// order.
func (n *nativeFile) sessionParts(v *nativeSession) (f statementForm, sender *nativeDevice, to []*nativeDevice, err error) {
	kid, err := readForm(v.Statement, &f)
	if err != nil {
		return f, nil, nil, err
	}
	if sender, err = n.withCert(kid); err != nil {
		return f, nil, nil, err
	}
	keys, err := session.Recipients(v.Envelope)
	if err != nil {
		return f, nil, nil, err
	}
	for _, k := range keys {
		d, err := n.withKey(k)
		if err != nil {
			return f, nil, nil, err
		}
		to = append(to, d)
	}
	return f, sender, to, nil
}

// checkStatement makes the statement anew. Every device of the roster is a recipient.
func (v *nativeSession) checkStatement(f statementForm, sender *nativeDevice, to []*nativeDevice) error {
	var certs [][]byte
	for _, d := range to {
		certs = append(certs, d.Cert)
	}
	slices.SortFunc(certs, bytes.Compare)
	conversation, err1 := conversationOf(f.Heads)
	roster, err2 := rosterOf(conversation, f.Epoch, certs)
	f.Conversation, f.Roster, f.Secret = conversation, roster, v.Secret
	params, id, err3 := f.sessionID(sender.Cert)
	statement, err4 := f.sign(sender.Seed, sender.Cert)
	return errors.Join(err1, err2, err3, err4,
		equal("conversation ID", conversation, v.Conversation),
		equal("roster hash", roster, v.Roster),
		equal("hash of the parameters", params, v.ParamsHash),
		equal("session ID", id, v.ID),
		equal("statement made anew", statement, v.Statement))
}

// checkEnvelope makes the envelope anew, and strips it.
func (n *nativeFile) checkEnvelope(v *nativeSession, to []*nativeDevice) error {
	var recipients []envelope.Recipient
	for _, d := range to {
		r, err := recipientOf(d.DeviceKey)
		if err != nil {
			return err
		}
		recipients = append(recipients, r)
	}
	tablet, ok := n.devices[strippedFor]
	if !ok {
		return fmt.Errorf("no device %s", strippedFor)
	}
	cek, iv, err1 := contentKeys(v.Secret, v.Statement, v.R)
	ephemeral, err2 := ecdh.NewPrivateKey(v.Ephemeral)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	context, err1 := recipientContext(v.ID, recipients[0])
	kek, err2 := recipientKEK(ephemeral, v.ID, recipients[0])
	b, err3 := sealStatement(v.Statement, v.R, ephemeral, recipients)
	fewer, err4 := sealStatement(v.Statement, v.R, ephemeral, recipients[1:])
	stripped, err5 := session.Strip(v.Envelope, keyID(tablet.KeyID))
	return errors.Join(err1, err2, err3, err4, err5,
		equal("content key", cek, v.CEK),
		equal("IV", iv, v.IV),
		equal("KDF context of the first recipient", context, v.Context),
		equal("KEK of the first recipient", kek, v.KEK),
		equal("envelope made anew", b, v.Envelope),
		equal("stripped envelope", stripped, v.Stripped),
		same("number of recipients", len(recipients), 4),
		same("size of the envelope", len(b), v.SizeOfFour),
		same("size of a recipient", len(b)-len(fewer), v.SizeOfOther))
}

// readSession has a device open and verify the envelope, and the stripped one if it is for this device.
func (n *nativeFile) readSession(v *nativeSession, f *statementForm, d *nativeDevice) error {
	logs, err := n.logsAt(f.Heads)
	if err != nil {
		return err
	}
	keys, err := d.keys()
	if err != nil {
		return err
	}
	defer keys.Destroy()
	var members []session.Member
	for _, h := range f.Heads {
		members = append(members, session.Member{User: h.User, Root: hashFrom(h.Root)})
	}
	conversation, err := session.Direct(members...)
	if err != nil {
		return err
	}
	envelopes := [][]byte{v.Envelope}
	if d == n.devices[strippedFor] {
		envelopes = append(envelopes, v.Stripped)
	}
	for _, b := range envelopes {
		offer, err := session.OpenEnvelope(keys, b)
		if err != nil {
			return err
		}
		defer offer.Destroy()
		s, err := offer.Verify(device.CertID(hashFrom(d.Cert)), conversation, time.Unix(int64(f.Created), 0), logs)
		if err != nil {
			return err
		}
		defer s.Destroy()
		statement, err := s.ExportSecretStatement()
		id, of, roster := s.ID(), s.Conversation(), s.Roster().Hash()
		err = errors.Join(err,
			equal("session ID", id[:], v.ID),
			equal("conversation", of[:], v.Conversation),
			equal("roster", roster[:], v.Roster),
			equal("statement", statement, v.Statement))
		if err != nil {
			return err
		}
	}
	return nil
}

// keys are what the device stores of itself.
func (d *nativeDevice) keys() (*device.Keys, error) {
	half := []any{[]byte(d.DeviceKey), []byte(d.X25519), orNull(d.XWing), 0}
	state, err := ownState(d.Record, d.Seed, []any{half}, 0, 0, nil)
	if err != nil {
		return nil, err
	}
	return device.ParseKeys(state)
}

// name is what the file calls the device.
func (d *nativeDevice) name(n *nativeFile) string {
	for name, other := range n.devices {
		if other == d {
			return name
		}
	}
	return "a device"
}

// withKey is the device of that messaging key.
func (n *nativeFile) withKey(id device.KeyID) (*nativeDevice, error) {
	for _, d := range n.devices {
		if bytes.Equal(d.KeyID, id[:]) {
			return d, nil
		}
	}
	return nil, errors.New("key ID of no device of the file")
}
