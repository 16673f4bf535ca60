// Package envelope holds the form in which a session gets to devices: a signed statement, sealed to a messaging key of
// each. Nothing here draws randomness or decides whom to trust: random values come in as arguments, and what Open returns
// is verified by package session.
package envelope

import (
	"fmt"
	"slices"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/pad"
	"github.com/sottokit/sotto/internal/wire"
)

// Limits.
const (
	MaxSize       = 16 << 20 // bytes of an envelope
	MaxRecipients = 10_000

	a256gcm = 3 // the algorithm of every envelope (RFC 9053 §4.1)
	ivSize  = 12
	tagSize = 16
)

// Envelope is a parsed envelope, not yet opened: nothing in it was verified.
type Envelope struct {
	ID         [32]byte // the session that it claims to bring
	Suite      uint64   // of its recipients, 1 or 2
	suite      *suite
	raw        []byte
	protected  []byte
	iv         []byte
	ciphertext []byte
	recipients []byte // one after the other
	index      map[[keyIDSize]byte]int
}

// Parse reads an envelope of the one form that Seal writes. A label of a newer version is fault.UnsupportedVersion.
func Parse(b []byte) (*Envelope, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("envelope of %d bytes: %w", len(b), fault.OverLimit)
	}
	e := &Envelope{raw: b}
	r := wire.NewReader(b)
	if r.Tag("envelope") != coseimpl.TagEncrypt {
		r.Fail("envelope", "another tag", fault.Malformed)
	}
	if n := r.Array("envelope", wire.MaxItems); r.Err() == nil && n != 4 {
		r.Fail("envelope", "not four elements", fault.Malformed)
	}
	e.protected = r.Bytes("protected header", maxHeader)
	r.Adopt("protected header", e.readProtected())
	if n := r.Map("unprotected header", wire.MaxPairs); r.Err() == nil && (n != 1 || r.Int("unprotected header") != coseimpl.HeaderIV) {
		r.Fail("unprotected header", "not the IV alone", fault.Malformed)
	}
	if e.iv = r.Bytes("IV", maxHeader); r.Err() == nil && len(e.iv) != ivSize {
		r.Fail("IV", "not 12 bytes", fault.Malformed)
	}
	e.ciphertext = r.Bytes("ciphertext", pad.Size(MaxStatement)+tagSize)
	n := r.Array("recipients", MaxRecipients)
	if r.Err() != nil {
		return nil, fmt.Errorf("envelope: %w", r.Err())
	}
	e.recipients = b[r.Offset():]
	if err := e.readRecipients(n); err != nil {
		return nil, fmt.Errorf("envelope: recipients: %w", err)
	}
	return e, nil
}

const maxHeader = 256 // bytes of the protected header

// readProtected takes the session's ID out of the protected header, which must be exactly {1: 3, 4: ID, 16: label}.
func (e *Envelope) readProtected() error {
	r := wire.NewReader(e.protected)
	for n := r.Map("map", wire.MaxPairs); n > 0 && r.Err() == nil; n-- {
		switch r.Int("label") {
		case coseimpl.HeaderKID:
			copy(e.ID[:], r.Bytes("session", len(e.ID)))
		case coseimpl.HeaderTyp:
			if wire.NewerLabel(r.Text("typ", maxHeader)) {
				return fmt.Errorf("typ: %w", fault.UnsupportedVersion)
			}
		default:
			r.Raw("value")
		}
	}
	if !slices.Equal(e.protected, protectedHeader(e.ID)) {
		return fmt.Errorf("not that of an envelope: %w", fault.Malformed)
	}
	return nil
}

// readRecipients finds the recipients, of which there must be n of one suite.
func (e *Envelope) readRecipients(n int) error {
	s := suiteBy(e.recipients)
	if s == nil || len(e.recipients) != n*s.size() {
		return fmt.Errorf("%d bytes for %d of them: %w", len(e.recipients), n, fault.Malformed)
	}
	e.suite, e.Suite = s, s.number
	e.index = make(map[[keyIDSize]byte]int, n)
	for i := range n {
		b := e.recipient(i)
		if !s.isRecipient(b) {
			return fmt.Errorf("number %d is of another form: %w", i, fault.Malformed)
		}
		e.index[s.keyIDOf(b)] = i
	}
	if len(e.index) != n {
		return fmt.Errorf("a key ID comes twice: %w", fault.Malformed)
	}
	return nil
}

func (e *Envelope) recipient(i int) []byte { return e.recipients[i*e.suite.size():][:e.suite.size()] }

// KeyIDs returns the IDs of the messaging keys that the envelope is sealed to.
func (e *Envelope) KeyIDs() [][keyIDSize]byte {
	ids := make([][keyIDSize]byte, len(e.index))
	for i := range ids {
		ids[i] = e.suite.keyIDOf(e.recipient(i))
	}
	return ids
}

// IsFor reports whether the envelope is sealed to the messaging key of that ID.
func (e *Envelope) IsFor(keyID [keyIDSize]byte) bool {
	_, ok := e.index[keyID]
	return ok
}

// Strip returns the envelope with that one recipient: the recipients stand outside of what the content key authenticates,
// so a relay may hand each device its own part. One that is not there is fault.NotForThisDevice.
func (e *Envelope) Strip(keyID [keyIDSize]byte) ([]byte, error) {
	i, ok := e.index[keyID]
	if !ok {
		return nil, fmt.Errorf("envelope: no recipient of this key: %w", fault.NotForThisDevice)
	}
	start := len(e.raw) - len(e.recipients) - wire.HeadSize(uint64(len(e.index)))
	b := make([]byte, 0, start+1+e.suite.size())
	b = append(append(b, e.raw[:start]...), wire.MajorArray|1)
	return append(b, e.recipient(i)...), nil
}

// Open returns the signed statement, which the caller wipes. What does not open with this content key is fault.Damaged.
func (e *Envelope) Open(cek []byte) ([]byte, error) {
	aead, err := newGCM(cek)
	if err != nil {
		return nil, fmt.Errorf("envelope: content key of %d bytes: %w", len(cek), fault.Misuse)
	}
	padded, err := aead.Open(nil, e.iv, e.ciphertext, additionalData(e.ID, e.protected))
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", fault.Damaged)
	}
	statement, err := pad.Strip(padded)
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	return statement, nil
}
