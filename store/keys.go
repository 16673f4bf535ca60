package store

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/secret"
	"github.com/sottokit/sotto/internal/wire"
)

// Limits, in bytes.
const (
	MaxValue  = 16 << 20 // of a value
	MaxHeader = 64 << 10 // of the header
	MaxName   = 4 << 10  // of the room and the parts of a name, 9 for each part included
)

// Name says where a value lives. There is no way to list names: what must be found again without knowing its parts, in a
// migration for example, needs an index among the values.
type Name struct {
	Room  string   // whose value it is, for example "session/chain": a constant of the code, not empty
	Parts [][]byte // which one: hidden, and compared for equality only
	Seq   uint64   // orders the values of one Room and Parts; Range goes through them
}

// A storage key is what a backend sees of a name: a PRF of room and parts, then Seq as big-endian number, so that the
// values of one room and parts stand together in order of Seq.
const (
	prefixSize = 16
	keySize    = prefixSize + 8
)

// headerKey is the backend key of the header. It is shorter than every storage key.
const headerKey = "header"

// keys are what follows from the root key.
type keys struct {
	names  *secret.Bytes // of the PRF
	values *secret.Bytes // from which each name gets the key of its value
}

// deriveKeys makes both by HKDF-SHA-256 (RFC 5869) without salt, each with its own info.
func deriveKeys(root *cose.Key) (keys, error) {
	ikm, err := root.ExportSecret()
	if err != nil {
		return keys{}, fmt.Errorf("store: root: %w", err)
	}
	defer clear(ikm)
	names, err := hkdf.Key(sha256.New, ikm, nil, string(wire.AppendBound(nil, wire.LabelStoreName)), sha256.Size)
	if err != nil {
		return keys{}, err
	}
	values, err := hkdf.Key(sha256.New, ikm, nil, string(wire.AppendBound(nil, wire.LabelStore)), sha256.Size)
	if err != nil {
		return keys{}, err
	}
	return keys{secret.Own(names), secret.Own(values)}, nil
}

func (k *keys) destroy() {
	k.names.Destroy()
	k.values.Destroy()
}

// alive fails with fault.DestroyedKey after destroy.
func (k *keys) alive() error {
	if err := k.values.Use(func([]byte) error { return nil }); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// storageKey returns the backend key of n:
//
//	HMAC-SHA-256(names, ["sotto/v1.store-name", room, [part, …]])[:16] || Seq
func (k *keys) storageKey(n Name) ([]byte, error) {
	size := len(n.Room)
	for _, p := range n.Parts {
		size += len(p) + 9
	}
	if size > MaxName {
		return nil, fmt.Errorf("store: name of %d bytes: %w", size, fault.OverLimit)
	}
	if !utf8.ValidString(n.Room) {
		return nil, fmt.Errorf("store: room is not UTF-8: %w", fault.Misuse)
	}
	b := wire.AppendHead(nil, wire.MajorArray, 3)
	b = wire.AppendText(b, wire.LabelStoreName)
	b = wire.AppendText(b, n.Room)
	b = wire.AppendHead(b, wire.MajorArray, uint64(len(n.Parts)))
	for _, p := range n.Parts {
		b = wire.AppendBytes(b, p)
	}
	mac, err := prf(k.names, b)
	if err != nil {
		return nil, err
	}
	return binary.BigEndian.AppendUint64(mac[:prefixSize:prefixSize], n.Seq), nil
}

// valueKey returns the key of one value, HMAC-SHA-256(values, storage key). Each name has its own, so the bound on random
// IVs under one key (2^32 seals, NIST SP 800-38D §8.3) counts for each name and not for the store.
func (k *keys) valueKey(storageKey []byte) (*cose.Key, error) {
	b, err := prf(k.values, storageKey)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	return cose.NewKey(cose.A256GCM, b)
}

func prf(key *secret.Bytes, message []byte) ([]byte, error) {
	var mac []byte
	err := key.Use(func(b []byte) error {
		h := hmac.New(sha256.New, b)
		h.Write(message)
		mac = h.Sum(nil)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return mac, nil
}

// seal returns a COSE_Encrypt0 of value with a random IV, bound to its place.
func (k *keys) seal(storageKey, value []byte) ([]byte, error) {
	key, err := k.valueKey(storageKey)
	if err != nil {
		return nil, err
	}
	defer key.Destroy()
	return key.Encrypt0(nil, value, cose.Bind(wire.LabelStore, storageKey))
}

// open opens what seal made for the same place. Whatever else stands there is fault.Damaged, but for a value of a newer
// version of sotto (fault.UnsupportedVersion). The room goes into the error; the parts of a name never do.
func (k *keys) open(storageKey []byte, room string, sealed []byte) ([]byte, error) {
	key, err := k.valueKey(storageKey)
	if err != nil {
		return nil, err
	}
	defer key.Destroy()
	value, err := key.Decrypt0(nil, sealed, cose.Bind(wire.LabelStore, storageKey))
	switch code := fault.Of(err); code {
	case 0:
		return value, nil
	case fault.UnsupportedVersion:
		return nil, fmt.Errorf("store: value in room %q: %w", room, code)
	default:
		return nil, fmt.Errorf("store: value in room %q: %w", room, fault.Damaged)
	}
}
