package slot

import (
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// Kind says where the secret of a slot comes from. The numbers are those of the format.
type Kind int64

// The kinds. A vault has no slots of kind Wrapped.
const (
	PBKDF2   Kind = 1 // PBKDF2-HMAC-SHA256 of a password and the salt, params [iterations]
	Argon2id Kind = 2 // Argon2id v1.3 of a password and the salt, params [passes, KiB, lanes]
	Recovery Kind = 3 // follows from the recovery key, params []
	Wrapped  Kind = 4 // a random key that a wrapper sealed, params [wrapped key]
)

// Bounds of the iterations of PBKDF2.
const MinRounds, MaxRounds = 100_000, 10_000_000

// cost is one number of the params, with its bounds. They are checked before anything is computed or allocated: the upper
// ones keep a hostile slot from taking the machine, the lower ones from taking the password.
type cost struct {
	name        string
	least, most int64
}

// costs are the numbers that the params of a kind consist of.
func (k Kind) costs() []cost {
	switch k {
	case PBKDF2:
		return []cost{{"iterations", MinRounds, MaxRounds}}
	case Argon2id: // the bounds of mk.Params
		return []cost{{"passes", 1, 16}, {"KiB", 8 << 10, 1 << 20}, {"lanes", 1, 16}}
	}
	return nil
}

// Parse decodes a slot of the given type. Of own structures there is one form: everything else is fault.Malformed, or
// fault.UnsupportedVersion for a newer type and for a kind that is not known here. Costs above their bounds, and a slot or
// wrapped key that is too long, are fault.OverLimit; costs below are fault.Malformed. The result points into raw.
func Parse(raw []byte, typ string) (*Slot, error) {
	if len(raw) > MaxSize {
		return nil, fmt.Errorf("slot of %d bytes: %w", len(raw), fault.OverLimit)
	}
	m, err := coseimpl.ParseEncrypt0(raw, true)
	if err != nil {
		return nil, err
	}
	if err := m.CheckType(typ); err != nil {
		return nil, err
	}
	t := &Slot{Raw: raw, message: m}
	if err := t.read(m.Protected); err != nil {
		return nil, err
	}
	iv, err := m.Unprotected.Bytes(coseimpl.HeaderIV)
	if err != nil {
		return nil, err
	}
	if len(t.Salt) != SaltSize || len(t.commitment) != keySize || len(iv) != IVSize ||
		!m.HasExactly(t.protected(typ, t.commitment)) {
		return nil, fmt.Errorf("headers are not exactly those of a slot: %w", fault.Malformed)
	}
	return t, nil
}

// read takes what a slot says from its protected header.
func (t *Slot) read(h coseimpl.Header) error {
	kind, _, err := h.Int(coseimpl.HeaderSlotKind)
	if err != nil {
		return err
	}
	switch t.Kind = Kind(kind); {
	case t.Kind < PBKDF2: // or none at all
		return fmt.Errorf("slot of kind %d: %w", kind, fault.Malformed)
	case t.Kind > Wrapped:
		return fmt.Errorf("slot of kind %d: %w", kind, fault.UnsupportedVersion)
	}
	if t.Salt, err = h.Bytes(coseimpl.HeaderSlotSalt); err != nil {
		return err
	}
	if t.commitment, err = h.Bytes(coseimpl.HeaderCommitment); err != nil {
		return err
	}
	params, _ := h.Find(coseimpl.HeaderSlotParams)
	return t.readParams(params)
}

func (t *Slot) readParams(params []byte) error {
	r := wire.NewReader(params)
	r.Array("params", wire.MaxItems) // of how many shows when the header is written again and compared
	for _, c := range t.Kind.costs() {
		v := r.Int(c.name)
		if v > c.most {
			r.Fail(c.name, fmt.Sprintf("%d are too costly", v), fault.OverLimit)
		}
		if v < c.least {
			r.Fail(c.name, fmt.Sprintf("%d are too cheap", v), fault.Malformed)
		}
		t.Costs = append(t.Costs, v)
	}
	if t.Kind == Wrapped {
		if t.Wrapped = r.Bytes("wrapped key", MaxWrapped); len(t.Wrapped) == 0 {
			r.Fail("wrapped key", "empty", fault.Malformed)
		}
	}
	return r.Err()
}

// protected writes the protected header.
func (h *Header) protected(typ string, commitment []byte) []byte {
	return coseimpl.AppendHeader(nil,
		coseimpl.IntField(coseimpl.HeaderAlg, a256gcm),
		coseimpl.TextField(coseimpl.HeaderTyp, typ),
		coseimpl.IntField(coseimpl.HeaderSlotKind, int64(h.Kind)),
		coseimpl.BytesField(coseimpl.HeaderSlotSalt, h.Salt),
		coseimpl.Field{Label: coseimpl.HeaderSlotParams, Value: h.params()},
		coseimpl.BytesField(coseimpl.HeaderCommitment, commitment))
}

// params writes the params of the kind.
func (h *Header) params() []byte {
	if h.Kind == Wrapped {
		return wire.AppendBytes([]byte{wire.MajorArray | 1}, h.Wrapped)
	}
	params := wire.AppendHead(nil, wire.MajorArray, uint64(len(h.Costs)))
	for _, v := range h.Costs {
		params = wire.AppendInt(params, v)
	}
	return params
}
