package conformance

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/message"
	"github.com/sottokit/sotto/internal/wire"
)

// The structures of docs/spec/session.md. Published ones are made anew from them, beside package session, which reads them.

// paramsForm is what a statement says, without the secret.
type paramsForm struct {
	Conversation []byte     `cbor:"1,keyasint"`
	Epoch        uint64     `cbor:"2,keyasint"`
	State        *[]byte    `cbor:"3,keyasint"`
	Suite        uint64     `cbor:"4,keyasint"`
	Roster       []byte     `cbor:"5,keyasint"`
	Heads        []headForm `cbor:"6,keyasint"`
	Created      uint64     `cbor:"7,keyasint"`
	MaxMessages  uint64     `cbor:"8,keyasint"`
	MaxAge       uint64     `cbor:"9,keyasint"`
	Prev         *[]byte    `cbor:"10,keyasint"`
}

type headForm struct {
	_    struct{} `cbor:",toarray"`
	User string   `json:"user"`
	Root octets   `json:"root"`
	Seq  uint64   `json:"seq"`
	Head octets   `json:"head"`
}

func (h *headForm) pin() device.Pin {
	return device.Pin{Root: hashFrom(h.Root), Seq: h.Seq, Head: hashFrom(h.Head)}
}

// statementForm is the payload of a statement.
type statementForm struct {
	paramsForm
	Secret []byte `cbor:"11,keyasint"`

	session []byte // not in the payload, but in external_aad
}

func (f statementForm) place() []any { return []any{wire.LabelSession, f.session} }

// sign makes the statement of the device with that seed and record.
func (f statementForm) sign(seed, cert []byte) ([]byte, error) {
	_, id, err := f.sessionID(cert)
	if err != nil {
		return nil, err
	}
	f.session = id
	return signForm(seed, cert, f)
}

// sessionID returns the hash of the parameters and the ID of the session, which commits to them and to the secret.
func (f statementForm) sessionID(sender []byte) (params, id []byte, err error) {
	form, err1 := wire.Marshal(f.paramsForm)
	info, err2 := wire.Marshal([]any{wire.LabelSessionID, sender})
	if err := errors.Join(err1, err2); err != nil {
		return nil, nil, err
	}
	params = hashOf(form)
	id, err = hkdf.Key(sha256.New, f.Secret, params, string(info), 32)
	return params, id, err
}

// conversationOf is the conversation of users, of whom the heads say the roots: their pairs, in the order of the encodings.
func conversationOf(heads []headForm) ([]byte, error) {
	var members []sessionMember
	for _, h := range heads {
		members = append(members, sessionMember{User: h.User, Root: h.Root})
	}
	return conversationID(members)
}

// rosterOf is the hash of a roster, whose devices ascend.
func rosterOf(conversation []byte, epoch uint64, certs [][]byte) ([]byte, error) {
	form, err := wire.Marshal([]any{wire.LabelRoster, conversation, epoch, certs})
	return hashOf(form), err
}

// contentKeys are the content key of an envelope and its IV.
func contentKeys(secret, statement, r []byte) (cek, iv []byte, err error) {
	info, err := wire.Marshal([]any{wire.LabelCEK, hashOf(statement)})
	if err != nil {
		return nil, nil, err
	}
	keys, err := hkdf.Key(sha256.New, secret, r, string(info), 44)
	if err != nil {
		return nil, nil, err
	}
	return keys[:32], keys[32:], nil
}

// recipientContext is the COSE_KDF_Context of a recipient.
func recipientContext(session []byte, to envelope.Recipient) ([]byte, error) {
	other, err1 := wire.Marshal([]any{wire.LabelRecipient, session, to.KeyID[:]})
	protected, err2 := wire.Marshal(map[int]int{1: -31})
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return wire.Marshal([]any{
		-5, []any{nil, nil, nil}, []any{to.Cert[:], nil, nil}, []any{256, protected, other},
	})
}

// recipientKEK is the key that wraps the content key for a recipient.
func recipientKEK(ephemeral *ecdh.PrivateKey, session []byte, to envelope.Recipient) ([]byte, error) {
	z, err := ephemeral.Agree(to.Key)
	if err != nil {
		return nil, err
	}
	defer z.Destroy()
	info, err := recipientContext(session, to)
	if err != nil {
		return nil, err
	}
	return z.HKDF(nil, info, 32)
}

// recipientOf is the device, by suite 1, that a device-key belongs to, whose signature is not checked.
func recipientOf(deviceKey []byte) (envelope.Recipient, error) {
	var f deviceKeyForm
	if _, err := readForm(deviceKey, &f); err != nil {
		return envelope.Recipient{}, err
	}
	payload, err := wire.Marshal(f)
	if err != nil {
		return envelope.Recipient{}, err
	}
	key, err := ecdh.NewPublicKey(f.X25519)
	return envelope.Recipient{KeyID: keyID(hashOf(payload)[:16]), Cert: hashFrom(f.Cert), Key: key}, err
}

// keyID is the ID in a file. One of another length is that of no key.
func keyID(b []byte) device.KeyID { return device.KeyID(deviceID(b)) }

// sealStatement makes an envelope from what is random elsewhere.
func sealStatement(statement, r []byte, ephemeral *ecdh.PrivateKey, to []envelope.Recipient) ([]byte, error) {
	s, err := envelope.ParseSigned(statement)
	if err != nil {
		return nil, err
	}
	return envelope.Seal(s, statement, r, ephemeral, to)
}

// contentForm is what a message says.
type contentForm struct {
	ID     []byte `cbor:"1,keyasint"`
	Sent   uint64 `cbor:"2,keyasint"`
	Type   string `cbor:"3,keyasint"`
	Body   []byte `cbor:"4,keyasint"`
	KeyGen uint64 `cbor:"5,keyasint"`

	at     message.Place // not in the payload, but in external_aad
	sender []byte
}

func (f contentForm) place() []any {
	return []any{wire.LabelContent, f.at.Session[:], f.sender, f.at.Chain[:], f.at.Counter}
}

// messageKeys are the key of a message and that of its IV.
func messageKeys(prk []byte, at message.Place) ([]byte, error) {
	info, err := wire.Marshal([]any{wire.LabelMessageKey, at.Session[:], at.Chain[:], at.Counter})
	if err != nil {
		return nil, err
	}
	return hkdf.Expand(sha256.New, prk, string(info), 64)
}

// placeOf is a place in a session. A chain of another length is an error.
func placeOf(session, chain []byte, counter uint64) (message.Place, error) {
	p := message.Place{Session: hashFrom(session), Counter: counter}
	if copy(p.Chain[:], chain) != len(chain) || len(chain) < len(p.Chain) {
		return p, fmt.Errorf("chain of %d bytes", len(chain))
	}
	return p, nil
}

// requestForm asks for the key of a session.
type requestForm struct {
	User      string `cbor:"1,keyasint"`
	Session   []byte `cbor:"2,keyasint"`
	DeviceKey []byte `cbor:"3,keyasint"`
	Issued    uint64 `cbor:"4,keyasint"`
}

func (f requestForm) place() []any { return []any{wire.LabelSessionRequest, f.Session} }

// ownState is what a device stores of itself that has that record, seed and messaging keys, newest first.
func ownState(record, seed []byte, halves []any, contact, next uint64, pending []byte) ([]byte, error) {
	return wire.Marshal([]any{wire.LabelDeviceState, record, seed, halves, contact, next, orNull(pending)})
}
