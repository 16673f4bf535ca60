// Package cpace holds CPACE-RISTR255-SHA512 (draft-irtf-cfrg-cpace, initiator-responder): two sides that know the same
// short secret agree on a key, and who stands between them has one guess at the secret for each run.
//
// Here are values: no messages, no attempts to count, no confirmation. Both sides must confirm the key before they use
// it, and nobody may be given a second run with the same secret.
package cpace

import (
	"bytes"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"

	"github.com/bwesterb/go-ristretto"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/secret"
)

// Size is the length of a share and of a scalar, in bytes.
const Size = 32

// Party is one side of one run. The zero value and nil are destroyed ones. It is safe for concurrent use.
type Party struct {
	_ [0]func()
	redacted
	scalar *Scalar
	sid    []byte
	share  []byte // nil when there was no scalar any more
}

// Begin computes the generator of the run and the share of this side. prs is the short secret, ci names the channel and
// the parties, sid the run; all but prs are public, and none is kept except sid. The party owns y from then on. With a
// destroyed y the party is a destroyed one.
func Begin(y *Scalar, prs, ci, sid []byte) *Party {
	text := GeneratorString(DSI, prs, ci, sid)
	var g ristretto.Point
	g.DeriveDalek(text) // the one-way map (RFC 9496 §4.3.4) of the SHA-512 of text
	clear(text)
	defer g.SetZero()      // who knows it can try secrets off line
	share, _ := y.mult(&g) // nil when y is destroyed: then all that follows fails
	return &Party{redacted: secret.Redact("cpace.Party", share), scalar: y, sid: bytes.Clone(sid), share: share}
}

// Share returns a copy of the share that goes to the peer, 32 bytes. It is there even after Destroy; that of the zero
// value and nil is nil.
func (p *Party) Share() []byte {
	if p == nil {
		return nil
	}
	return bytes.Clone(p.share)
}

// Initiator returns ISK_IR of the draft, 64 bytes, with p as the side that sent its share first. ad and peerAD are what
// each side sent beside its share. The caller wipes the result, which is not confirmed: whatever share comes, there is
// one. A peerShare of another length, one that encodes no element, and the neutral element are fault.Malformed; a
// destroyed party is fault.DestroyedKey.
func (p *Party) Initiator(ad, peerShare, peerAD []byte) (isk []byte, err error) {
	k, err := p.agree(peerShare)
	if err != nil {
		return nil, err
	}
	return p.isk(k, p.share, ad, peerShare, peerAD), nil
}

// Responder is Initiator for the side that sent its share second.
func (p *Party) Responder(ad, peerShare, peerAD []byte) (isk []byte, err error) {
	k, err := p.agree(peerShare)
	if err != nil {
		return nil, err
	}
	return p.isk(k, peerShare, peerAD, p.share, ad), nil
}

// Destroy wipes the scalar. It waits for running uses and is idempotent.
func (p *Party) Destroy() { p.secret().Destroy() }

// secret is nil for the zero value and nil, which are destroyed parties.
func (p *Party) secret() *Scalar {
	if p == nil {
		return nil
	}
	return p.scalar
}

// agree is scalar_mult_vfy of the draft, and the abort that it asks for.
func (p *Party) agree(peerShare []byte) (k []byte, err error) {
	if len(peerShare) != Size {
		return nil, fmt.Errorf("cpace: share of %d bytes: %w", len(peerShare), fault.Malformed)
	}
	var peer ristretto.Point
	if !peer.SetBytes((*[Size]byte)(peerShare)) {
		return nil, fmt.Errorf("cpace: share encodes no element: %w", fault.Malformed)
	}
	k, err = p.secret().mult(&peer)
	if err != nil {
		return nil, fmt.Errorf("cpace: %w", err)
	}
	// The encoding of the neutral element. The order is prime and no scalar 0, so the peer's share was that too.
	if subtle.ConstantTimeCompare(k, make([]byte, Size)) == 1 {
		return nil, fmt.Errorf("cpace: share is the neutral element: %w", fault.Malformed)
	}
	return k, nil
}

// isk hashes and wipes k. The transcript of initiator and responder is the concatenation of the last four parts.
func (p *Party) isk(k, ya, ada, yb, adb []byte) []byte {
	text := Concat([]byte(DSI+"_ISK"), p.sid, k, ya, ada, yb, adb)
	sum := sha512.Sum512(text)
	clear(text)
	clear(k)
	return sum[:]
}
