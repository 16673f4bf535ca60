package envelope

import (
	"fmt"
	"slices"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// A recipient of suite 1 is ECDH-ES+A256KW over X25519 (RFC 9053 §6.4.1):
//
//	[<<{1: -31}>>, {-1: {1: 1, -1: 4, -2: epk}, 4: key_id}, A256KW(KEK, CEK)]
//
// Every one has the same size and differs from the others in key ID, ephemeral key and wrapped key alone, so it is written
// and read by position.
const (
	recipientStart = "\x83\x44\xa1\x01\x38\x1e\xa2\x04\x50"
	recipientKey   = "\x20\xa3\x01\x01\x20\x04\x21\x58\x20"
	recipientWrap  = "\x58\x28"

	atKeyID       = len(recipientStart)
	atKey         = atKeyID + keyIDSize + len(recipientKey)
	atWrap        = atKey + ecdh.Size + len(recipientWrap)
	recipientSize = atWrap + wrappedSize

	keyIDSize   = 16
	keySize     = 32 // of CEK and KEK
	wrappedSize = keySize + 8
)

// Recipient is a device to seal to: a messaging key, its ID, and the record that it hangs on.
type Recipient struct {
	KeyID [keyIDSize]byte
	Cert  [32]byte
	Key   *ecdh.PublicKey
}

// isRecipient reports whether b, of recipientSize bytes, has the form of a recipient.
func isRecipient(b []byte) bool {
	return string(b[:atKeyID]) == recipientStart &&
		string(b[atKeyID+keyIDSize:atKey]) == recipientKey &&
		string(b[atKey+ecdh.Size:atWrap]) == recipientWrap
}

func keyIDOf(recipient []byte) [keyIDSize]byte { return [keyIDSize]byte(recipient[atKeyID:]) }

// kdf derives the keys that wrap. Each is bound to the session, the messaging key and the record (RFC 9053 §5.2):
//
//	[-5, [null, null, null], [cert_id, null, null], [256, <<{1: -31}>>, <<["sotto/v1.recipient", session_id, key_id]>>]]
//
// so that equal or related public keys give unrelated keys although all recipients share one ephemeral key (Bellare,
// Boldyreva and Staddon, PKC 2003). The info has one size; recipients differ in two places of it.
type kdf struct{ info []byte }

// inInfo is where the record's ID stands: after the heads of the context and of party V, and the null party U.
const inInfo = 1 + 1 + 4 + 1 + 2

func newKDF(session [32]byte) kdf {
	other := wire.AppendBound(nil, wire.LabelRecipient, session[:], make([]byte, keyIDSize))
	context := coseimpl.KDF{V: coseimpl.Party{Identity: make([]byte, 32)}, Public: other}
	protected := recipientStart[2:6]
	return kdf{context.AppendContext(nil, coseimpl.A256KW, 8*keySize, []byte(protected))}
}

// key derives the key for one recipient, which the caller wipes.
func (k kdf) key(private *ecdh.PrivateKey, public *ecdh.PublicKey, cert [32]byte, keyID [keyIDSize]byte) ([]byte, error) {
	z, err := private.Agree(public)
	if err != nil {
		return nil, err
	}
	defer z.Destroy()
	copy(k.info[inInfo:], cert[:])
	copy(k.info[len(k.info)-keyIDSize:], keyID[:])
	return z.HKDF(nil, k.info, keySize)
}

// appendTo appends the recipient. epk is the public half of ephemeral.
func (r *Recipient) appendTo(dst []byte, k kdf, ephemeral *ecdh.PrivateKey, epk, cek []byte) ([]byte, error) {
	kek, err := k.key(ephemeral, r.Key, r.Cert, r.KeyID)
	if err != nil {
		return nil, err
	}
	defer clear(kek)
	wrapped, err := coseimpl.WrapKey(kek, cek)
	if err != nil {
		return nil, err
	}
	dst = append(append(dst, recipientStart...), r.KeyID[:]...)
	dst = append(append(dst, recipientKey...), epk...)
	return append(append(dst, recipientWrap...), wrapped...), nil
}

// Unwrap returns the content key, which the caller wipes, for the messaging key of that ID, which hangs on the record cert.
// An ephemeral key of low order is fault.Malformed, another private key, record or session fault.Damaged.
func (e *Envelope) Unwrap(keyID [keyIDSize]byte, cert [32]byte, private *ecdh.PrivateKey) ([]byte, error) {
	i, ok := e.index[keyID]
	if !ok {
		return nil, fmt.Errorf("envelope: no recipient of this key: %w", fault.NotForThisDevice)
	}
	recipient := e.recipient(i)
	epk, err := ecdh.NewPublicKey(slices.Clone(recipient[atKey : atKey+ecdh.Size]))
	if err != nil {
		return nil, fmt.Errorf("envelope: ephemeral key: %w", err)
	}
	kek, err := newKDF(e.ID).key(private, epk, cert, keyID)
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	defer clear(kek)
	cek, err := coseimpl.UnwrapKey(kek, recipient[atWrap:])
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	return cek, nil
}
