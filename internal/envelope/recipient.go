package envelope

import (
	"bytes"
	"fmt"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
)

// Recipient is a device to seal to: a messaging key, its ID, and the record that it hangs on.
type Recipient struct {
	KeyID  [keyIDSize]byte
	Cert   [32]byte
	Key    *ecdh.PublicKey       // for suite 1
	Hybrid *ecdh.HybridPublicKey // for suite 2
}

// Private is the private half of a messaging key, its ID, and the record that it hangs on.
type Private struct {
	KeyID  [keyIDSize]byte
	Cert   [32]byte
	Key    *ecdh.PrivateKey
	Hybrid *ecdh.HybridPrivateKey // nil of a device of suite 1
}

const (
	keyIDSize = 16
	keySize   = 32 // of CEK and KEK
)

// suite is how the recipients of one envelope get its content key. All of them have the same size and differ in key ID,
// public half and wrapped key alone, so they are written and read by position:
//
//	beforeKeyID, key ID, beforePublic, public half, beforeWrapped, wrapped key
type suite struct {
	number                                   uint64
	beforeKeyID, beforePublic, beforeWrapped string
	publicSize, wrappedSize                  int

	// wrapper makes what wraps for an envelope of session, in one goroutine. ephemeral is the key of suite 1.
	wrapper func(session [32]byte, ephemeral *ecdh.PrivateKey) wrap

	// unwrap returns the content key, which the caller wipes.
	unwrap func(session [32]byte, p *Private, public, wrapped []byte) (cek []byte, err error)
}

// wrap encrypts a content key to one recipient.
type wrap func(to *Recipient, cek []byte) (public, wrapped []byte, err error)

// suites is written nowhere.
var suites = []*suite{&suite1, &suite2}

// suiteOf is the suite of that number, nil for none.
func suiteOf(number uint64) *suite {
	for _, s := range suites {
		if s.number == number {
			return s
		}
	}
	return nil
}

// suiteBy is the suite that recipients are of by how the first one begins, nil for none.
func suiteBy(recipients []byte) *suite {
	for _, s := range suites {
		if bytes.HasPrefix(recipients, []byte(s.beforeKeyID)) {
			return s
		}
	}
	return nil
}

func (s *suite) atPublic() int  { return len(s.beforeKeyID) + keyIDSize + len(s.beforePublic) }
func (s *suite) atWrapped() int { return s.atPublic() + s.publicSize + len(s.beforeWrapped) }
func (s *suite) size() int      { return s.atWrapped() + s.wrappedSize }

// isRecipient reports whether b, of size bytes, has the form of a recipient.
func (s *suite) isRecipient(b []byte) bool {
	return string(b[:len(s.beforeKeyID)]) == s.beforeKeyID &&
		string(b[len(s.beforeKeyID)+keyIDSize:s.atPublic()]) == s.beforePublic &&
		string(b[s.atPublic()+s.publicSize:s.atWrapped()]) == s.beforeWrapped
}

func (s *suite) keyIDOf(recipient []byte) [keyIDSize]byte {
	return [keyIDSize]byte(recipient[len(s.beforeKeyID):])
}

func (s *suite) appendRecipient(dst []byte, keyID [keyIDSize]byte, public, wrapped []byte) []byte {
	dst = append(append(dst, s.beforeKeyID...), keyID[:]...)
	dst = append(append(dst, s.beforePublic...), public...)
	return append(append(dst, s.beforeWrapped...), wrapped...)
}

// Unwrap returns the content key, which the caller wipes, for a messaging key. A public half of low order is
// fault.Malformed, and so is a recipient of suite 2 for a key that has none; another private key, record or session is
// fault.Damaged.
func (e *Envelope) Unwrap(p *Private) ([]byte, error) {
	i, ok := e.index[p.KeyID]
	if !ok {
		return nil, fmt.Errorf("envelope: no recipient of this key: %w", fault.NotForThisDevice)
	}
	s, recipient := e.suite, e.recipient(i)
	public := recipient[s.atPublic():][:s.publicSize]
	cek, err := s.unwrap(e.ID, p, public, recipient[s.atWrapped():])
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	return cek, nil
}
