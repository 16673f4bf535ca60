package lockbox

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/slot"
	"github.com/sottokit/sotto/internal/wire"
)

// A box is
//
//	["sotto/v1.lockbox", body, mac, check]      body = <<{1: box_id, 2: [slot, …]}>>
//
// The mac is keyed by the root, so that nobody without it adds, drops or reorders slots unnoticed. The check has no key: it
// finds accidents, and a box of another owner, before a password is tried.
const (
	idSize    = 16
	macSize   = sha256.Size
	checkSize = sha256.Size

	maxLabel = 128 // bytes of the label, which may be that of a newer version
)

// contents is the body of a box.
type contents struct {
	ID    [idSize]byte `cbor:"1,keyasint"`
	Slots [][]byte     `cbor:"2,keyasint"`
}

// Parse reads a stored box of the given owner. Nothing in it is verified yet, but accidents show: whatever was flipped, cut
// or appended, and a box of another owner, is fault.Damaged, so that no password is blamed for it. A box of a newer version
// is fault.UnsupportedVersion, one of more than MaxSize bytes fault.OverLimit. What somebody made to look like a box is
// fault.Malformed, or one of these two when it asks for more than the limits. An owner that New refuses is fault.Misuse.
func Parse(b, owner []byte) (*Box, error) {
	if err := checkOwner(owner); err != nil {
		return nil, err
	}
	if len(b) > MaxSize {
		return nil, fmt.Errorf("lockbox: box of %d bytes: %w", len(b), fault.OverLimit)
	}
	end := len(b) - checkSize
	if end < 0 || !bytes.Equal(b[end:], checkOf(owner, b[:end])) {
		return nil, fmt.Errorf("lockbox: altered, cut, or of another owner: %w", fault.Damaged)
	}
	box := &Box{owner: bytes.Clone(owner), raw: bytes.Clone(b)}
	if err := box.read(); err != nil {
		return nil, wrapError(err)
	}
	return box, nil
}

// read decodes raw, whose check is right.
func (b *Box) read() error {
	r := wire.NewReader(b.raw)
	n := r.Array("box", wire.MaxItems)
	label := r.Text("label", maxLabel)
	if wire.NewerLabel(label) {
		return fmt.Errorf("label: %w", fault.UnsupportedVersion)
	}
	if r.Err() == nil && (label != wire.LabelLockbox || n != 4) {
		r.Fail("box", "not the label and the elements of a lockbox", fault.Malformed)
	}
	b.body = r.Bytes("body", MaxSize)
	b.mac = r.Bytes("mac", macSize)
	check := r.Bytes("check", checkSize)
	if err := r.End("box"); err != nil {
		return err
	}
	if len(b.mac) != macSize || len(check) != checkSize {
		return fmt.Errorf("mac of %d and check of %d bytes: %w", len(b.mac), len(check), fault.Malformed)
	}
	var c contents
	if err := wire.Unmarshal("body", b.body, MaxSize, &c); err != nil {
		return err
	}
	if len(c.Slots) == 0 {
		return fmt.Errorf("no slot: %w", fault.Malformed)
	}
	if len(c.Slots) > MaxSlots {
		return fmt.Errorf("%d slots: %w", len(c.Slots), fault.OverLimit)
	}
	b.id = c.ID
	for i, raw := range c.Slots {
		t, err := slot.Parse(raw, wire.LabelLockbox)
		if err != nil {
			return fmt.Errorf("slot %d: %w", i, err)
		}
		b.slots = append(b.slots, t)
	}
	return nil
}

// sealed returns the box of b's owner and ID with the given slots under the mark of root. It is read back: a slot that is
// not within the limits shows here.
func (b *Box) sealed(root *cose.Key, slots [][]byte) (*Box, error) {
	body, err := wire.Marshal(contents{b.id, slots})
	if err != nil {
		return nil, wrapError(err)
	}
	mac, err := b.macOf(root, body)
	if err != nil {
		return nil, wrapError(err)
	}
	raw := wire.AppendHead(nil, wire.MajorArray, 4)
	raw = wire.AppendText(raw, wire.LabelLockbox)
	raw = wire.AppendBytes(raw, body)
	raw = wire.AppendBytes(raw, mac)
	raw = wire.AppendHead(raw, wire.MajorBytes, checkSize)
	return Parse(append(raw, checkOf(b.owner, raw)...), b.owner)
}

// macOf is HMAC-SHA-256 of the body under a key that follows from the root.
func (b *Box) macOf(root *cose.Key, body []byte) ([]byte, error) {
	secret, err := root.ExportSecret()
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	info := wire.AppendBound(nil, wire.LabelLockboxMAC, b.owner)
	key, err := hkdf.Key(sha256.New, secret, b.id[:], string(info), macSize)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	return mac.Sum(nil), nil
}

// isRoot reports whether root marked the slots as they are.
func (b *Box) isRoot(root *cose.Key) (bool, error) {
	mac, err := b.macOf(root, b.body)
	return hmac.Equal(mac, b.mac), err
}

// checkRoot refuses a root that is not the one of the box.
func (b *Box) checkRoot(root *cose.Key) error {
	if err := b.check(); err != nil {
		return err
	}
	ours, err := b.isRoot(root)
	if err == nil && !ours {
		err = fmt.Errorf("not the root of this box: %w", fault.WrongSecret)
	}
	return wrapError(err)
}

// checkOf is the check of a box whose bytes up to there are given.
func checkOf(owner, before []byte) []byte {
	h := sha256.New()
	h.Write(wire.AppendBound(nil, wire.LabelLockboxCheck, owner))
	h.Write(before)
	return h.Sum(nil)
}

// place is where the slots of the box belong.
func (b *Box) place() *slot.Place {
	return &slot.Place{Type: wire.LabelLockbox, KDF: wire.LabelLockboxSlot, Items: [][]byte{
		wire.AppendBytes(nil, b.owner), wire.AppendBytes(nil, b.id[:]),
	}}
}

// wrapAAD is where the wrapped key of one slot belongs.
func (b *Box) wrapAAD(salt []byte) []byte {
	return wire.AppendBound(nil, wire.LabelLockboxSlot, b.owner, b.id[:], salt)
}

// rawSlots returns the encoded slots.
func (b *Box) rawSlots() [][]byte {
	raw := make([][]byte, len(b.slots))
	for i, t := range b.slots {
		raw[i] = t.Raw
	}
	return raw
}
