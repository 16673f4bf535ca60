package coseimpl

import (
	"crypto/rand"
	"fmt"

	gocose "github.com/veraison/go-cose"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// AppendSign1 appends a COSE_Sign1 (RFC 9052 §4.2). protected is the serialized protected header, which names the
// signer's algorithm; unprotected is an encoded map.
func AppendSign1(dst []byte, s gocose.Signer, tagged bool, protected, unprotected, payload, external []byte) ([]byte, error) {
	toBeSigned := sigStructure(protected, external, payload)
	defer clear(toBeSigned)
	signature, err := s.Sign(rand.Reader, toBeSigned)
	if err != nil {
		if fault.Of(err) != 0 {
			return nil, err
		}
		return nil, fmt.Errorf("signer: %w: %w", fault.StoreFailed, err) // for example a phone's key store that is locked
	}
	if tagged {
		dst = wire.AppendHead(dst, wire.MajorTag, TagSign1)
	}
	dst = wire.AppendHead(dst, wire.MajorArray, 4)
	dst = wire.AppendBytes(dst, protected)
	dst = append(dst, unprotected...)
	dst = wire.AppendBytes(dst, payload)
	return wire.AppendBytes(dst, signature), nil
}

// sigStructure is what is signed: ["Signature1", protected, external_aad, payload] (RFC 9052 §4.4). The payload may hold a
// secret, so there is room for all of it and the caller clears it.
func sigStructure(protected, external, payload []byte) []byte {
	const context = "\x84\x6aSignature1"
	size := len(context)
	for _, b := range [][]byte{protected, external, payload} {
		size += wire.HeadSize(uint64(len(b))) + len(b)
	}
	b := append(make([]byte, 0, size), context...)
	b = wire.AppendBytes(b, protected)
	b = wire.AppendBytes(b, external)
	return wire.AppendBytes(b, payload)
}

// Sign1 is a decoded COSE_Sign1, not yet verified.
type Sign1 struct {
	Buckets
	payload   []byte // not exported: Verify gives it out, or Unverified
	signature []byte
}

const maxSignature = 1024 // bytes; the longest one in use here has 132

// ParseSign1 decodes a COSE_Sign1 in exactly one of its forms, tagged or not.
func ParseSign1(message []byte, tagged bool) (*Sign1, error) {
	r := wire.NewReader(message)
	readStart(&r, "COSE_Sign1", tagged, TagSign1, 4)
	m := &Sign1{Buckets: readBuckets(&r)}
	m.payload = r.Bytes("payload", MaxContent)
	m.signature = r.Bytes("signature", maxSignature)
	return m, r.End("COSE_Sign1")
}

// Verify returns the payload if the signature over it is v's, else fault.UntrustedSigner.
func (m *Sign1) Verify(v gocose.Verifier, external []byte) ([]byte, error) {
	alg, err := m.Alg()
	if err != nil {
		return nil, err
	}
	if alg != int64(v.Algorithm()) {
		return nil, fmt.Errorf("algorithm %d instead of %d: %w", alg, v.Algorithm(), fault.Malformed)
	}
	signed := sigStructure(m.Raw, external, m.payload)
	defer clear(signed)
	if err := v.Verify(signed, m.signature); err != nil {
		return nil, fmt.Errorf("signature: %w", fault.UntrustedSigner)
	}
	return m.payload, nil
}

// Unverified is the payload before its signature was checked, for structures that are signed with a key of their own: the
// key is read from here, then Verify says whether all of it holds.
func (m *Sign1) Unverified() []byte { return m.payload }
