package coseimpl

import (
	"crypto/cipher"
	"fmt"

	"github.com/sottokit/sotto/fault"
)

// Table lists the algorithms that may be used. It is a value: there is no registry.
type Table struct {
	Content    []ContentAlgorithm
	Recipients []RecipientAlgorithm

	// BareStatic accepts a static-static agreement with neither salt nor party U nonce. RFC 9053 §6.3.1 demands one of
	// them; a part of the published vectors has none.
	BareStatic bool
}

// ContentAlgorithm is an AEAD with its parameters (RFC 9053 §4). Sizes are in bytes.
type ContentAlgorithm struct {
	ID      int64
	Name    string
	KeySize int
	IVSize  int
	New     func(key []byte) (cipher.AEAD, error) // called with a key of KeySize
}

// RecipientAlgorithm says how a recipient comes to the content key (RFC 9053 §6): where a secret comes from, whether a
// KDF runs over it, and whether the result wraps the content key or is the content key.
type RecipientAlgorithm struct {
	ID     int64
	Name   string
	Source Source
	KDF    bool // HKDF-SHA-256 with a COSE_KDF_Context (RFC 9053 §5)
	Wrap   bool // A256KW (RFC 9053 §6.2.1); otherwise the message has this one recipient only
}

// Source is where a recipient's secret comes from.
type Source int

// The sources.
const (
	FromKey       Source = iota // a shared symmetric key
	FromEphemeral               // a key agreement with an ephemeral key of the sender
	FromStatic                  // a key agreement with a static key of the sender
)

// A256KW is the key wrap algorithm under every wrapping recipient, and the AlgorithmID of its KDF context.
const A256KW = -5

const wrapKeySize = 32

// FindContent returns the content algorithm with the given number.
func (t *Table) FindContent(id int64) (*ContentAlgorithm, error) {
	for i := range t.Content {
		if t.Content[i].ID == id {
			return &t.Content[i], nil
		}
	}
	return nil, fmt.Errorf("content algorithm %d is not used here: %w", id, fault.Malformed)
}

// FindRecipient returns the recipient algorithm with the given number.
func (t *Table) FindRecipient(id int64) (*RecipientAlgorithm, error) {
	for i := range t.Recipients {
		if t.Recipients[i].ID == id {
			return &t.Recipients[i], nil
		}
	}
	return nil, fmt.Errorf("recipient algorithm %d is not used here: %w", id, fault.Malformed)
}

// AEAD returns the cipher for a key, whose length is checked.
func (a *ContentAlgorithm) AEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != a.KeySize {
		return nil, fmt.Errorf("%s key has %d bytes, not %d: %w", a.Name, len(key), a.KeySize, fault.Malformed)
	}
	return a.New(key)
}
