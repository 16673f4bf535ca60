package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/pad"
	"github.com/sottokit/sotto/internal/wire"
)

// Seal seals a signed statement, which makes the session id, to devices, by the suite that it says. r, 32 random bytes, and
// ephemeral, which is nil in suite 2, belong to this envelope alone; the caller wipes both. No key ID may come twice.
//
//	CEK || IV = X(Extract(salt: r, secret), ["sotto/v1.cek", H(statement)], 44)
//	envelope  = 96([<<{1: 3, 4: id, 16: "sotto/v1.envelope"}>>, {5: IV}, A256GCM(CEK) of pad(statement), recipients])
//
// with external_aad ["sotto/v1.envelope", id]. So the same statement sealed again has another key, and one key seals one
// text.
func Seal(s *Signed, statement, r []byte, ephemeral *ecdh.PrivateKey, to []Recipient) ([]byte, error) {
	if len(to) == 0 || len(to) > MaxRecipients {
		return nil, fmt.Errorf("envelope: %d recipients: %w", len(to), fault.OverLimit)
	}
	suite := suiteOf(s.Suite)
	if suite == nil {
		return nil, fmt.Errorf("envelope: suite %d: %w", s.Suite, fault.Misuse)
	}
	keys, err := contentKey(s.Secret, statement, r)
	if err != nil {
		return nil, err
	}
	defer clear(keys)
	cek, iv := keys[:keySize], keys[keySize:]
	aead, err := newGCM(cek)
	if err != nil {
		return nil, err
	}
	padded := pad.Append(make([]byte, 0, pad.Size(len(statement))), statement)
	defer clear(padded)
	protected := protectedHeader(s.ID)

	b := make([]byte, 0, 2*len(protected)+len(padded)+len(to)*suite.size()+64)
	b = wire.AppendHead(b, wire.MajorTag, coseimpl.TagEncrypt)
	b = wire.AppendHead(b, wire.MajorArray, 4)
	b = wire.AppendBytes(b, protected)
	b = wire.AppendBytes(append(b, wire.MajorMap|1, coseimpl.HeaderIV), iv)
	b = wire.AppendHead(b, wire.MajorBytes, uint64(len(padded)+aead.Overhead()))
	b = aead.Seal(b, iv, padded, additionalData(s.ID, protected))
	b = wire.AppendHead(b, wire.MajorArray, uint64(len(to)))
	return suite.appendRecipients(b, func() wrap { return suite.wrapper(s.ID, ephemeral) }, cek, to)
}

// appendRecipients appends the recipients, which all cores make: each takes a range of them, and what wraps for itself, and
// writes them in their place.
func (s *suite) appendRecipients(b []byte, wrapper func() wrap, cek []byte, to []Recipient) ([]byte, error) {
	start, size := len(b), s.size()
	b = b[:start+len(to)*size]
	each := (len(to) + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0)
	errs := make([]error, (len(to)+each-1)/each)
	var wait sync.WaitGroup
	for i := range errs {
		from, end := i*each, min((i+1)*each, len(to))
		wait.Go(func() {
			wrap := wrapper()
			for j := from; j < end; j++ {
				public, wrapped, err := wrap(&to[j], cek)
				if err != nil {
					errs[i] = err
					return
				}
				at := start + j*size
				s.appendRecipient(b[at:at], to[j].KeyID, public, wrapped)
			}
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	return b, nil
}

// contentKey returns CEK and IV, which the caller wipes.
func contentKey(secret, statement, r []byte) ([]byte, error) {
	prk, err := hkdf.Extract(sha256.New, secret, r)
	if err != nil {
		return nil, err
	}
	defer clear(prk)
	sum := sha256.Sum256(statement)
	return hkdf.Expand(sha256.New, prk, string(wire.AppendBound(nil, wire.LabelCEK, sum[:])), keySize+ivSize)
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// protectedHeader is {1: 3, 4: session, 16: "sotto/v1.envelope"}.
func protectedHeader(session [32]byte) []byte {
	return coseimpl.AppendHeader(nil, coseimpl.IntField(coseimpl.HeaderAlg, a256gcm),
		coseimpl.BytesField(coseimpl.HeaderKID, session[:]), coseimpl.TextField(coseimpl.HeaderTyp, wire.LabelEnvelope))
}

// additionalData is the AAD of the AEAD (RFC 9052 §5.3).
func additionalData(session [32]byte, protected []byte) []byte {
	return coseimpl.AppendEncStructure(nil, protected, wire.AppendBound(nil, wire.LabelEnvelope, session[:]))
}
