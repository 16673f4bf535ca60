package conformance

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/argon2"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/slot"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/mk"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/recovery"
)

// sottoSlot is what a slot is made from.
type sottoSlot struct {
	Kind     slot.Kind `json:"kind"`
	Salt     octets    `json:"salt"`
	IV       octets    `json:"iv"`
	Costs    []int64   `json:"costs,omitempty"`
	Password octets    `json:"password,omitempty"` // prepared
	Recovery octets    `json:"recovery_key,omitempty"`
	Wrapped  *struct {
		Wrapper octets `json:"wrapper"` // the secret of a key of A256GCM
		Key     octets `json:"key"`     // that it wraps
		IV      octets `json:"iv"`
	} `json:"wrapped,omitempty"`
}

// boxForm is a box as it is encoded, bodyForm what stands in it.
type boxForm struct {
	_     struct{} `cbor:",toarray"`
	Label string
	Body  []byte
	MAC   []byte
	Check []byte
}

type bodyForm struct {
	BoxID []byte   `cbor:"1,keyasint"`
	Slots [][]byte `cbor:"2,keyasint"`
}

// write makes the box anew, slot by slot, and compares what it tells about them.
func (c *sottoLockbox) write() error {
	box, err := lockbox.Parse(c.Outputs.Box, c.Inputs.Owner)
	if err != nil {
		return err
	}
	published, err := readBox(c.Outputs.Box)
	if err != nil {
		return err
	}
	told := box.Slots()
	if len(told) != len(c.Inputs.Slots) || len(told) != len(published.Slots) {
		return fmt.Errorf("%d slots, want %d", len(told), len(c.Inputs.Slots))
	}
	body := bodyForm{BoxID: c.Inputs.BoxID}
	for i, object := range c.Inputs.Slots {
		var s sottoSlot
		if err := decode(object, &s); err != nil {
			return fmt.Errorf("slot %d: %w", i, err)
		}
		raw, err := c.seal(&s, published.Slots[i])
		if err != nil {
			return fmt.Errorf("slot %d: %w", i, err)
		}
		err = errors.Join(equal("slot made anew", raw, published.Slots[i]), same("what the box tells", told[i], s.told()))
		if err != nil {
			return fmt.Errorf("slot %d: %w", i, err)
		}
		body.Slots = append(body.Slots, raw)
	}
	again, err := c.assemble(&body)
	return errors.Join(err, equal("box made anew", again, c.Outputs.Box))
}

func readBox(b []byte) (*bodyForm, error) {
	var box boxForm
	if err := wire.Unmarshal("box", b, lockbox.MaxSize, &box); err != nil {
		return nil, err
	}
	body := &bodyForm{}
	return body, wire.Unmarshal("body", box.Body, lockbox.MaxSize, body)
}

// seal makes a slot. The published one says that its costs are within the limits, before they are paid.
func (c *sottoLockbox) seal(s *sottoSlot, published []byte) ([]byte, error) {
	parsed, err := slot.Parse(published, wire.LabelLockbox)
	if err != nil {
		return nil, err
	}
	if parsed.Kind != s.Kind || !slices.Equal(parsed.Costs, s.Costs) {
		return nil, errors.New("slot of another kind or cost")
	}
	h := slot.Header{Kind: s.Kind, Salt: s.Salt, Costs: s.Costs}
	var stretched []byte
	switch s.Kind {
	case slot.PBKDF2:
		stretched, err = pbkdf2.Key(sha256.New, string(s.Password), s.Salt, int(s.Costs[0]), 32)
	case slot.Argon2id:
		stretched = argon2.IDKey(s.Password, s.Salt, uint32(s.Costs[0]), uint32(s.Costs[1]), uint8(s.Costs[2]), 32)
	case slot.Recovery:
		stretched, err = recoverySecret(s.Recovery, recovery.ForLockbox)
	case slot.Wrapped:
		if s.Wrapped == nil {
			return nil, errors.New("no wrapper")
		}
		stretched = s.Wrapped.Key
		h.Wrapped, err = c.wrap(s)
	}
	if err != nil {
		return nil, err
	}
	place := slot.Place{Type: wire.LabelLockbox, KDF: wire.LabelLockboxSlot, Items: [][]byte{
		wire.AppendBytes(nil, c.Inputs.Owner), wire.AppendBytes(nil, c.Inputs.BoxID),
	}}
	return slot.Seal(&place, &h, stretched, s.IV, c.Inputs.Root)
}

// told is what a box tells about the slot, whose costs fit its kind.
func (s *sottoSlot) told() lockbox.Slot {
	told := lockbox.Slot{Kind: lockbox.Kind(s.Kind)}
	switch s.Kind {
	case slot.PBKDF2:
		told.Rounds = int(s.Costs[0])
	case slot.Argon2id:
		told.Params = mk.Params{Time: uint32(s.Costs[0]), MemoryKiB: uint32(s.Costs[1]), Threads: uint8(s.Costs[2])}
		told.MemoryBytes = uint64(s.Costs[1]) << 10
	}
	return told
}

// wrap seals the key of a slot as a wrapped key (docs/spec/keys.md).
func (c *sottoLockbox) wrap(s *sottoSlot) ([]byte, error) {
	key := coseimpl.SymmetricKey{Alg: int64(cose.A256GCM), K: s.Wrapped.Key}
	var w sottoWrap
	w.Inputs.WrappingAlg, w.Inputs.WrappingSecret = int64(cose.A256GCM), s.Wrapped.Wrapper
	w.Inputs.AAD = wire.AppendBound(nil, wire.LabelLockboxSlot, c.Inputs.Owner, c.Inputs.BoxID, s.Salt)
	w.Outputs.InnerKey = key.Append(nil)
	wrapped, _, err := w.seal(s.Wrapped.IV)
	return wrapped, err
}

// assemble makes the box around its slots.
func (c *sottoLockbox) assemble(body *bodyForm) ([]byte, error) {
	inner, err := wire.Marshal(body)
	if err != nil {
		return nil, err
	}
	info := wire.AppendBound(nil, wire.LabelLockboxMAC, c.Inputs.Owner)
	key, err := hkdf.Key(sha256.New, c.Inputs.Root, c.Inputs.BoxID, string(info), 32)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(inner)
	box, err := wire.Marshal(boxForm{Label: wire.LabelLockbox, Body: inner, MAC: mac.Sum(nil), Check: make([]byte, 32)})
	if err != nil {
		return nil, err
	}
	before := box[:len(box)-32]
	check := hashOf(append(wire.AppendBound(nil, wire.LabelLockboxCheck, c.Inputs.Owner), before...))
	return append(before, check...), nil
}
