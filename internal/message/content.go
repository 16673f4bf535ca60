package message

import (
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// MaxType bounds the type of content, in bytes.
const MaxType = 64

// Content is what a device signs: an app's bytes, what they are, and which one is meant.
type Content struct {
	ID     [16]byte `cbor:"1,keyasint"`
	Sent   uint64   `cbor:"2,keyasint"` // Unix seconds, by the sender's clock
	Type   string   `cbor:"3,keyasint"` // what Body is, for the app
	Body   []byte   `cbor:"4,keyasint"`
	KeyGen uint64   `cbor:"5,keyasint"` // of the sender's newest messaging key: above the one at hand, fetch it
}

// Append appends the content as it is signed. Package wire would write the same; a message is hot.
func (c *Content) Append(dst []byte) []byte {
	dst = wire.AppendBytes(append(dst, wire.MajorMap|5, 1), c.ID[:])
	dst = wire.AppendHead(append(dst, 2), wire.MajorUint, c.Sent)
	dst = wire.AppendText(append(dst, 3), c.Type)
	dst = wire.AppendBytes(append(dst, 4), c.Body)
	return wire.AppendHead(append(dst, 5), wire.MajorUint, c.KeyGen)
}

// Room is more than what signed content has beside its body, in bytes.
const Room = 384

// Signed is content that was decoded and not yet verified.
type Signed struct {
	Content
	Sender [32]byte // who claims to have signed: the ID of a record
}

// ParseContent decodes signed content. Its signature is not checked.
func ParseContent(b []byte) (*Signed, error) {
	s := &Signed{}
	var err error
	if s.Sender, err = parseSigned("content", b, MaxSize, &s.Content); err != nil {
		return nil, err
	}
	if len(s.Type) > MaxType {
		return nil, fmt.Errorf("content: type of %d bytes: %w", len(s.Type), fault.OverLimit)
	}
	if s.Sent > maxInt || s.KeyGen > maxInt {
		return nil, fmt.Errorf("content: integer over 2^53: %w", fault.Malformed)
	}
	return s, nil
}

// parseSigned decodes a signed object of at most limit bytes into fields and returns who claims to have signed it.
func parseSigned(what string, b []byte, limit int, fields any) (sender [32]byte, err error) {
	if len(b) > limit {
		return sender, fmt.Errorf("%s of %d bytes: %w", what, len(b), fault.OverLimit)
	}
	m, err := coseimpl.ParseSign1(b, true)
	if err != nil {
		return sender, fmt.Errorf("%s: %w", what, err)
	}
	kid, err := m.Bytes(coseimpl.HeaderKID)
	if err != nil {
		return sender, fmt.Errorf("%s: %w", what, err)
	}
	if len(kid) != len(sender) {
		return sender, fmt.Errorf("%s: key ID of %d bytes: %w", what, len(kid), fault.UntrustedSigner)
	}
	return [32]byte(kid), wire.Unmarshal(what, m.Unverified(), limit, fields)
}
