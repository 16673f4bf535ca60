// Package slot holds the one construction by which passwords, recovery keys and wrappers open a random secret: a slot for
// each of them, stored side by side. Lockbox and vault differ in labels and place only.
//
// A slot commits to its key. With another password the commitment differs, which is told apart from damage, and no slot
// opens under two passwords. Nothing here draws randomness or stretches a password: salt, IV and the secret S of the slot
// are values, S with at least the strength of a stretched password.
package slot

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// Sizes in bytes.
const (
	SaltSize   = 16
	IVSize     = 12
	MaxSize    = 1024 // of a slot
	MaxWrapped = 768  // of the wrapped key in one

	keySize = 32 // of the key that seals, and of the commitment to it
	a256gcm = 3  // the algorithm of every slot (RFC 9053 §4.1)
)

// Place says where a slot belongs. A slot opens in no other place.
type Place struct {
	Type  string   // the typ, and first element of external_aad
	KDF   string   // the first element of the KDF's info
	Items [][]byte // what follows in both: encoded CBOR items, that writer and reader know
}

// Header is what a slot says in the clear.
type Header struct {
	Kind    Kind
	Salt    []byte  // SaltSize bytes
	Costs   []int64 // PBKDF2: iterations. Argon2id: passes, KiB, lanes. Otherwise none
	Wrapped []byte  // Wrapped: the key that a wrapper sealed, 1 to MaxWrapped bytes. Otherwise nil
}

// Slot is a parsed slot, not yet opened: nothing in it was verified.
type Slot struct {
	Header
	Raw        []byte // the whole slot
	commitment []byte
	message    *coseimpl.Encrypt0
}

// Seal makes a slot that holds plaintext and opens with s:
//
//	KEK || C = HKDF-SHA-256(ikm: s, salt: h.Salt, info: [p.KDF, kind, params, items …], 64 bytes)
//	slot     = Encrypt0(KEK, A256GCM) of plaintext, external_aad [p.Type, items …],
//	           protected {1: 3, 16: p.Type, -70001: kind, -70002: salt, -70003: params, -70004: C}
//
// It does not look at the header: what Parse then refuses was not within the limits. The salt belongs to one slot alone, so
// KEK seals one plaintext and any IV will do.
func Seal(p *Place, h *Header, s, iv, plaintext []byte) ([]byte, error) {
	kek, commitment, err := h.keys(p, s)
	if err != nil {
		return nil, err
	}
	defer clear(kek)
	aead, err := newGCM(kek)
	if err != nil {
		return nil, err
	}
	return coseimpl.AppendEncrypt0(nil, aead, true, h.protected(p.Type, commitment),
		coseimpl.AppendHeader(nil, coseimpl.BytesField(coseimpl.HeaderIV, iv)), iv, plaintext, p.aad())
}

// Open returns the plaintext, which the caller wipes. Another secret or place than the slot's is fault.WrongSecret, for both
// go into the commitment; a slot that commits to s and does not open is fault.Damaged.
func (t *Slot) Open(p *Place, s []byte) ([]byte, error) {
	kek, commitment, err := t.keys(p, s)
	if err != nil {
		return nil, err
	}
	defer clear(kek)
	if subtle.ConstantTimeCompare(commitment, t.commitment) != 1 {
		return nil, fault.WrongSecret
	}
	aead, err := newGCM(kek)
	if err != nil {
		return nil, err
	}
	return t.message.Open(nil, aead, a256gcm, nil, p.aad())
}

// keys derives the key that seals and the commitment to it.
func (h *Header) keys(p *Place, s []byte) (kek, commitment []byte, err error) {
	info := wire.AppendHead(nil, wire.MajorArray, uint64(3+len(p.Items)))
	info = wire.AppendText(info, p.KDF)
	info = wire.AppendInt(info, int64(h.Kind))
	info = append(info, h.params()...)
	info = p.appendItems(info)
	out, err := hkdf.Key(sha256.New, s, h.Salt, string(info), 2*keySize)
	if err != nil {
		return nil, nil, err
	}
	return out[:keySize:keySize], out[keySize:], nil
}

func (p *Place) aad() []byte {
	aad := wire.AppendHead(nil, wire.MajorArray, uint64(1+len(p.Items)))
	return p.appendItems(wire.AppendText(aad, p.Type))
}

func (p *Place) appendItems(dst []byte) []byte {
	for _, item := range p.Items {
		dst = append(dst, item...)
	}
	return dst
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
