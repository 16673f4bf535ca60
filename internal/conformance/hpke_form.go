package conformance

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/pad"
	"github.com/sottokit/sotto/internal/wire"
)

// HPKE from the shared secret on (RFC 9180 §5.1, base mode, HKDF-SHA256). crypto/hpke takes no randomness from outside, so
// an encapsulation is not made anew: what is encrypted with it is, from the shared secret that is published beside it.

// hpkeSuite are a KEM and an AEAD by their numbers.
type hpkeSuite struct{ kem, aead uint16 }

// sessionHPKE is that of suite 2: X-Wing and AES-256-GCM.
var sessionHPKE = hpkeSuite{xwingKEM, 2}

const (
	xwingKEM   = 0x647a
	hkdfSHA256 = 1
)

// hpkeKeys are what follows from a shared secret.
type hpkeKeys struct{ key, nonce, exporter []byte }

// schedule is KeySchedule, without a pre-shared key.
func (h hpkeSuite) schedule(shared, info []byte) (k hpkeKeys, err error) {
	pskHash, err1 := h.extract(nil, "psk_id_hash", nil)
	infoHash, err2 := h.extract(nil, "info_hash", info)
	secret, err3 := h.extract(shared, "secret", nil)
	if err := errors.Join(err1, err2, err3); err != nil {
		return k, err
	}
	keySize := 32
	if h.aead == 1 {
		keySize = 16
	}
	context := slices.Concat([]byte{0}, pskHash, infoHash)
	k.key, err1 = h.expand(secret, "key", context, keySize)
	k.nonce, err2 = h.expand(secret, "base_nonce", context, 12)
	k.exporter, err3 = h.expand(secret, "exp", context, sha256.Size)
	return k, errors.Join(err1, err2, err3)
}

// labelled is what stands before each label.
func (h hpkeSuite) labelled(label string) []byte {
	b := append([]byte("HPKE-v1"), "HPKE"...)
	for _, number := range []uint16{h.kem, hkdfSHA256, h.aead} {
		b = binary.BigEndian.AppendUint16(b, number)
	}
	return append(b, label...)
}

func (h hpkeSuite) extract(salt []byte, label string, ikm []byte) ([]byte, error) {
	return hkdf.Extract(sha256.New, append(h.labelled(label), ikm...), salt)
}

func (h hpkeSuite) expand(secret []byte, label string, context []byte, size int) ([]byte, error) {
	info := append(binary.BigEndian.AppendUint16(nil, uint16(size)), h.labelled(label)...)
	return hkdf.Expand(sha256.New, secret, string(append(info, context...)), size)
}

// sealHPKE is the first message of a context of suite 2.
func sealHPKE(shared, info, aad, plaintext []byte) ([]byte, error) {
	k, err := sessionHPKE.schedule(shared, info)
	if err != nil {
		return nil, err
	}
	aead, err := newGCM(k.key)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, k.nonce, plaintext, aad), nil
}

// encapsulation is what is random elsewhere in a recipient of suite 2.
type encapsulation struct {
	Key    octets `json:"key"`
	Shared octets `json:"shared_secret"`
}

// recipientForm2 is a recipient of suite 2 whose content key is encrypted already.
func recipientForm2(keyID, encapsulated, sealed []byte) (any, error) {
	protected, err := protectedForm2()
	return []any{protected, map[int][]byte{-4: encapsulated, 4: keyID}, sealed}, err
}

func protectedForm2() ([]byte, error) { return wire.Marshal(map[int]int{1: -70768}) }

// sealForm2 encrypts a content key to a messaging key of suite 2.
func sealForm2(shared, session, keyID, cert, cek []byte) ([]byte, error) {
	info, err1 := infoForm2(session, keyID, cert)
	protected, err2 := protectedForm2()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return sealHPKE(shared, info, protected, cek)
}

func infoForm2(session, keyID, cert []byte) ([]byte, error) {
	return wire.Marshal([]any{wire.LabelRecipient, session, keyID, cert})
}

// envelopeForm is an envelope of recipients that are made already.
func envelopeForm(session, statement, cek, iv []byte, recipients []any) ([]byte, error) {
	protected, err1 := wire.Marshal(map[int]any{1: 3, 4: session, 16: wire.LabelEnvelope})
	external, err2 := wire.Marshal([]any{wire.LabelEnvelope, session})
	aead, err3 := newGCM(cek)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	if len(iv) != aead.NonceSize() {
		return nil, fmt.Errorf("IV of %d bytes", len(iv))
	}
	structure, err := wire.Marshal([]any{"Encrypt", protected, external})
	if err != nil {
		return nil, err
	}
	ciphertext := aead.Seal(nil, iv, pad.Append(nil, statement), structure)
	body, err := wire.Marshal([]any{protected, map[int][]byte{5: iv}, ciphertext, recipients})
	return append(wire.AppendHead(nil, wire.MajorTag, coseimpl.TagEncrypt), body...), err
}
