package sas

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/wire"
)

// Seed is all that is random in one side of an attempt. The transaction of a responder is that of the start message.
type Seed struct {
	Transaction Transaction
	Key         *ecdh.PrivateKey
}

// NewSeed draws a seed.
func NewSeed() Seed {
	s := Seed{Key: ecdh.Generate()}
	rand.Read(s.Transaction[:])
	return s
}

// Commitment binds the responder to its key before it has seen the initiator's: who stands between has one try at a key
// that makes both strings the same.
func Commitment(responderKey, start []byte) [sha256.Size]byte {
	return sha256.Sum256(wire.AppendBound(nil, wire.LabelSASCommit, responderKey, start))
}

// Transcript is what both sides must hold alike.
type Transcript struct {
	Start                      []byte   // the start message
	Initiator, Responder       [32]byte // digests of their identities
	InitiatorKey, ResponderKey []byte   // X25519
}

// Strings are the 48 bits that people compare a part of.
type Strings [6]byte

// Derive returns the strings and the key of the confirmations, which the caller wipes. Both follow from the agreed secret
// and from all of the transcript.
func (t *Transcript) Derive(agreed *ecdh.Shared) (shown Strings, confirm []byte, err error) {
	th := sha256.Sum256(wire.AppendBound(nil, wire.LabelSASTranscript,
		t.Start, t.Initiator[:], t.Responder[:], t.InitiatorKey, t.ResponderKey))
	b, err := agreed.HKDF(nil, wire.AppendBound(nil, wire.LabelSAS, th[:]), len(shown))
	if err != nil {
		return shown, nil, err
	}
	confirm, err = agreed.HKDF(nil, wire.AppendBound(nil, wire.LabelSASConfirm, th[:]), sha256.Size)
	return Strings(b), confirm, err
}

// Emoji returns seven numbers of 6 bits, of the first 42 bits.
func (s Strings) Emoji() (numbers [7]int) {
	for i := range numbers {
		numbers[i] = int(s.bits(6*i, 6))
	}
	return numbers
}

// Decimals returns three numbers from 1,000 to 9,191, of 13 bits each, of the first 39 bits.
func (s Strings) Decimals() (numbers [3]int) {
	for i := range numbers {
		numbers[i] = 1_000 + int(s.bits(13*i, 13))
	}
	return numbers
}

// bits returns n bits from the one numbered first, counted from the most significant.
func (s Strings) bits(first, n int) uint64 {
	var all uint64
	for _, b := range s {
		all = all<<8 | uint64(b)
	}
	return all >> (8*len(s) - first - n) & (1<<n - 1)
}

// MAC is what tells the other side that the person here saw the same strings. kind is InitiatorConfirm or
// ResponderConfirm: the two differ, so none can be sent back.
func MAC(confirm []byte, kind Kind) []byte {
	side := "initiator"
	if kind == ResponderConfirm {
		side = "responder"
	}
	mac := hmac.New(sha256.New, confirm)
	mac.Write(wire.AppendBound(nil, wire.LabelSASConfirm, []byte(side)))
	return mac.Sum(nil)
}
