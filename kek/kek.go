// Package kek holds channel keys (KEK): the key that a channel's members share and that seals its content keys (DEK).
// Most people need Generate, Key.Wrap and Unwrap; a channel with more than one member needs NewRequest, Key.Grant and
// Accept to hand the key over, and Key.Rotate when somebody leaves.
package kek

import (
	"fmt"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/secret"
	"github.com/sottokit/sotto/internal/wire"
)

// redacted keeps secrets out of everything that prints.
type redacted = secret.Redacted

// Key is a channel key. It seals DEKs (cose.Wrapper), never content. It is safe for concurrent use. The zero value and nil
// are destroyed keys.
type Key struct {
	_ [0]func()
	redacted
	k *cose.Key
}

// Generate makes a new random channel key.
func Generate() *Key {
	k, err := cose.GenerateKey(cose.A256GCM)
	if err != nil {
		return &Key{} // unreachable: the algorithm is fixed. The zero Key is a destroyed one.
	}
	return newKey(k)
}

func newKey(k *cose.Key) *Key { return &Key{redacted: secret.Redact("kek.Key", k.ID()), k: k} }

// Wrap seals the key under w, a master key as a rule. It opens only with the same aad, which says where the key belongs:
// the channel, and the epoch where an older key must not pass for the present one.
func (k *Key) Wrap(w cose.Wrapper, aad []byte) ([]byte, error) {
	wrapped, err := cose.Wrap(w, k.key(), AAD(aad))
	if err != nil {
		return nil, fmt.Errorf("kek: %w", err)
	}
	return wrapped, nil
}

// AAD is the aad under which Wrap calls the Wrapper, ["sotto/v1.kek", aad]. It is for what deals with wrapped keys without
// knowing their role, mk.Ring.Rewrap for one.
func AAD(aad []byte) []byte { return wire.AppendBound(nil, wire.LabelKEK, aad) }

// Unwrap opens what Wrap sealed. The errors are those of cose.Wrapper: another wrapper, that is a wrong password where w
// is a master key, is fault.WrongSecret; another aad or altered bytes are fault.Damaged, a key that is no channel key
// fault.Malformed.
func Unwrap(w cose.Wrapper, wrapped, aad []byte) (*Key, error) {
	k, err := cose.Unwrap(w, wrapped, AAD(aad))
	if err != nil {
		return nil, fmt.Errorf("kek: %w", err)
	}
	return checked(k)
}

// checked makes a channel key of a key that came from elsewhere.
func checked(k *cose.Key) (*Key, error) {
	if k.Algorithm() != cose.A256GCM || !k.IsBare() {
		k.Destroy()
		return nil, fmt.Errorf("kek: a key of %v: %w", k.Algorithm(), fault.Malformed)
	}
	return newKey(k), nil
}

// WrapKey seals inner under the channel key; see cose.Key.WrapKey. DEKs call it through dek.Key.Wrap.
func (k *Key) WrapKey(inner *cose.Key, aad []byte) ([]byte, error) {
	return k.key().WrapKey(inner, aad)
}

// UnwrapKey opens what WrapKey sealed; see cose.Wrapper for the errors.
func (k *Key) UnwrapKey(wrapped, aad []byte) (*cose.Key, error) {
	return k.key().UnwrapKey(wrapped, aad)
}

// MaxRotate bounds the content keys of one Rotate.
const MaxRotate = 1 << 20

// WrappedDEK is a wrapped content key with the aad that dek.Key.Wrap got.
type WrappedDEK struct{ Key, AAD []byte }

// Rotate makes a new channel key and seals every given content key under it, each for its own aad, in the same order. It
// returns both or nothing: when one does not open, the error names its position and nothing has changed. The old key stays
// usable; Destroy it once the new wraps are stored.
//
// Who had the old key may have kept the content keys under it. What is to be secret from them needs a new content key, whose
// aad should name the epoch: whoever stores the wraps could put an old one in its place otherwise.
func (k *Key) Rotate(old []WrappedDEK) (*Key, [][]byte, error) {
	if len(old) > MaxRotate {
		return nil, nil, fmt.Errorf("kek: rotation of %d keys: %w", len(old), fault.OverLimit)
	}
	alive, err := k.ExportSecret()
	if err != nil {
		return nil, nil, fmt.Errorf("kek: %w", err)
	}
	clear(alive)
	next := Generate()
	renewed := make([][]byte, len(old))
	for i, w := range old {
		if renewed[i], err = k.rewrap(next, w); err != nil {
			next.Destroy()
			return nil, nil, fmt.Errorf("kek: content key %d: %w", i, err)
		}
	}
	return next, renewed, nil
}

func (k *Key) rewrap(next *Key, w WrappedDEK) ([]byte, error) {
	aad := wire.AppendBound(nil, wire.LabelDEK, w.AAD)
	inner, err := k.UnwrapKey(w.Key, aad)
	if err != nil {
		return nil, err
	}
	defer inner.Destroy()
	return next.WrapKey(inner, aad)
}

// ID returns 8 bytes of a hash of the key, for logs and hints.
func (k *Key) ID() []byte { return k.key().ID() }

// ExportSecret returns a copy of the 32 secret bytes, which the caller must wipe.
func (k *Key) ExportSecret() ([]byte, error) { return k.key().ExportSecret() }

// Equal compares two keys in constant time. A destroyed key equals nothing.
func (k *Key) Equal(other *Key) bool { return k.key().Equal(other.key()) }

// Destroy wipes the key. It is idempotent; later uses fail with fault.DestroyedKey.
func (k *Key) Destroy() { k.key().Destroy() }

// key is the key inside, nil for the zero value and nil, which are destroyed keys.
func (k *Key) key() *cose.Key {
	if k == nil {
		return nil
	}
	return k.k
}

var _ cose.Wrapper = (*Key)(nil)

// Channel names a channel and the epoch of its key. The epoch counts the rotations; it is the app's to keep.
type Channel struct {
	ID    []byte // 1 to MaxChannelID bytes
	Epoch uint64
}

// MaxChannelID bounds Channel.ID, in bytes.
const MaxChannelID = 256

func (c Channel) check() error {
	if len(c.ID) == 0 || len(c.ID) > MaxChannelID {
		return fmt.Errorf("kek: channel ID of %d bytes: %w", len(c.ID), fault.Misuse)
	}
	return nil
}

// bind is a Context for this channel and epoch.
func (c Channel) bind(label string, parts ...[]byte) cose.Context {
	epoch := wire.AppendHead(nil, wire.MajorUint, c.Epoch)
	return cose.Bind(label, append([][]byte{c.ID, epoch}, parts...)...)
}
