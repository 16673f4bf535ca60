// Package sas holds the deterministic forms of a short authentication string: messages, and what follows from the keys of
// both sides. Nothing here draws randomness or keeps state; package safetynumber does.
package sas

import (
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// Kind is what a message is, and who sends it. No kind is sent by both sides, apart from those that end an attempt, so a
// message that is sent back to its sender is known by its kind.
type Kind uint64

// The kinds, up to the confirmations in the order in which they are sent.
const (
	Start            Kind = iota + 1 // initiator
	Accept                           // responder: commitment to its key
	InitiatorKey                     // initiator: X25519 key
	ResponderKey                     // responder: X25519 key
	InitiatorConfirm                 // initiator: MAC
	ResponderConfirm                 // responder: MAC
	Deny                             // either: the strings are not the same
	Cancel                           // either: no reason
)

// bodies are the lengths of the bodies by kind, in bytes. Those that are not here are empty. The map is written nowhere.
var bodies = map[Kind]int{Accept: 32, InitiatorKey: 32, ResponderKey: 32, InitiatorConfirm: 32, ResponderConfirm: 32}

const (
	version    = 1
	maxMessage = 128 // bytes
)

// Transaction names an attempt. The initiator draws it.
type Transaction [16]byte

// Message is a parsed message, in which nothing is verified. It shares no memory with what it was parsed from.
type Message struct {
	Version     uint64      `cbor:"1,keyasint"`
	Kind        Kind        `cbor:"2,keyasint"`
	Transaction Transaction `cbor:"3,keyasint"`
	Body        []byte      `cbor:"4,keyasint"`
}

// Encode returns a message.
func Encode(kind Kind, t Transaction, body []byte) ([]byte, error) {
	return wire.Marshal(Message{version, kind, t, body})
}

// Parse reads a message of the one form that Encode writes. Another version or kind, from after this one, is
// fault.UnsupportedVersion.
func Parse(b []byte) (*Message, error) {
	m := &Message{}
	if err := wire.Unmarshal("message", b, maxMessage, m); err != nil {
		return nil, err
	}
	switch {
	case m.Version > version || m.Kind > Cancel:
		return nil, fmt.Errorf("message of version %d, kind %d: %w", m.Version, m.Kind, fault.UnsupportedVersion)
	case m.Version < version || m.Kind < Start:
		return nil, fmt.Errorf("message of version %d, kind %d: %w", m.Version, m.Kind, fault.Malformed)
	case len(m.Body) != bodies[m.Kind]:
		return nil, fmt.Errorf("message of kind %d: body of %d bytes: %w", m.Kind, len(m.Body), fault.Malformed)
	}
	return m, nil
}
