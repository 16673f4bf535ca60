package cose

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// Wrapper seals keys under a key: *Key, a master key or ring of them, a channel key, or the app's own (Android Keystore,
// Secure Enclave, HSM).
//
// WrapKey returns inner sealed so that only UnwrapKey with the same aad opens it; an implementation outside of sotto gets
// at it with inner.ExportSecretCOSEKey and back with ParseKey. UnwrapKey fails with fault.WrongSecret when the wrapped key
// belongs to another Wrapper, and with fault.Damaged when it belongs to this one and does not open. A device that does not
// answer is fault.StoreFailed; errors without a code count as that.
type Wrapper interface {
	WrapKey(inner *Key, aad []byte) ([]byte, error)
	UnwrapKey(wrapped, aad []byte) (*Key, error)
}

// Wrap calls w.WrapKey and holds it to its contract, whoever wrote it: an error has a code, and without one there is a
// result. A nil w is fault.Misuse.
func Wrap(w Wrapper, inner *Key, aad []byte) ([]byte, error) {
	if w == nil {
		return nil, fmt.Errorf("cose: no wrapper: %w", fault.Misuse)
	}
	wrapped, err := w.WrapKey(inner, aad)
	if err == nil && len(wrapped) == 0 {
		err = errNothing
	}
	if err != nil {
		return nil, wrapperError(err)
	}
	return wrapped, nil
}

// Unwrap calls w.UnwrapKey as Wrap calls w.WrapKey.
func Unwrap(w Wrapper, wrapped, aad []byte) (*Key, error) {
	if w == nil {
		return nil, fmt.Errorf("cose: no wrapper: %w", fault.Misuse)
	}
	inner, err := w.UnwrapKey(wrapped, aad)
	if err == nil && inner == nil {
		err = errNothing
	}
	if err != nil {
		return nil, wrapperError(err)
	}
	return inner, nil
}

var errNothing = errors.New("neither a result nor an error")

func wrapperError(err error) error {
	if fault.Of(err) == 0 {
		return fmt.Errorf("cose: wrapper: %w: %w", fault.StoreFailed, err)
	}
	return err
}

// maxWrappedKey bounds a wrapped key, in bytes; that of an A256GCM key without kid and base IV has 138.
const maxWrappedKey = 1024

// WrapKey seals inner under k:
//
//	KEK || C = HKDF-SHA-256(secret of k, no salt, ["sotto/v1.key-wrap", <<alg of k>>], 64)
//	wrapped  = Encrypt0(KEK, A256GCM) of the COSE_Key of inner, protected {1: 3, 16: "sotto/v1.key-wrap", -70004: C},
//	           external_aad ["sotto/v1.key-wrap", aad]
//
// C commits to k, so that a wrong key and damaged bytes are told apart and nothing opens under two keys. The key's use
// here is independent of its use as a content key. It works for keys of every algorithm.
func (k *Key) WrapKey(inner *Key, aad []byte) ([]byte, error) {
	coseKey, err := inner.ExportSecretCOSEKey()
	if err != nil {
		return nil, err
	}
	defer clear(coseKey)
	return k.wrap(coseKey, aad)
}

func (k *Key) wrap(coseKey, aad []byte) ([]byte, error) {
	kek, commitment, err := k.wrapping()
	if err != nil {
		return nil, err
	}
	defer clear(kek)
	aead, err := newGCM(kek)
	if err != nil {
		return nil, wrapError(err)
	}
	if err := k.countSeal(); err != nil {
		return nil, err
	}
	iv := make([]byte, ivSize)
	rand.Read(iv)
	wrapped, err := coseimpl.AppendEncrypt0(nil, aead, true, wrapHeader(commitment),
		coseimpl.AppendHeader(nil, coseimpl.BytesField(coseimpl.HeaderIV, iv)), iv, coseKey, wrapAAD(aad))
	if len(wrapped) > maxWrappedKey { // the key has a kid that is too long
		return nil, fmt.Errorf("cose: wrapped key of %d bytes: %w", len(wrapped), fault.OverLimit)
	}
	return wrapped, wrapError(err)
}

// UnwrapKey opens what WrapKey sealed. See Wrapper for the errors; what is no wrapped key at all is fault.Malformed.
func (k *Key) UnwrapKey(wrapped, aad []byte) (*Key, error) {
	if len(wrapped) > maxWrappedKey {
		return nil, fmt.Errorf("cose: wrapped key of %d bytes: %w", len(wrapped), fault.OverLimit)
	}
	m, err := coseimpl.ParseEncrypt0(wrapped, true)
	if err != nil {
		return nil, fmt.Errorf("cose: wrapped key: %w", err)
	}
	if err := m.CheckType(wire.LabelKeyWrap); err != nil {
		return nil, fmt.Errorf("cose: wrapped key: %w", err)
	}
	have, err := m.Protected.Bytes(coseimpl.HeaderCommitment)
	if err != nil {
		return nil, fmt.Errorf("cose: wrapped key: %w", err)
	}
	if len(have) != keySize || !m.HasExactly(wrapHeader(have)) {
		return nil, fmt.Errorf("cose: wrapped key: headers are not exactly those of %s: %w", wire.LabelKeyWrap, fault.Malformed)
	}
	kek, commitment, err := k.wrapping()
	if err != nil {
		return nil, err
	}
	defer clear(kek)
	if subtle.ConstantTimeCompare(have, commitment) != 1 {
		return nil, fmt.Errorf("cose: wrapped under another key: %w", fault.WrongSecret)
	}
	aead, err := newGCM(kek)
	if err != nil {
		return nil, wrapError(err)
	}
	plaintext, err := m.Open(nil, aead, int64(A256GCM), nil, wrapAAD(aad))
	if err != nil {
		return nil, fmt.Errorf("cose: wrapped key: %w", err)
	}
	defer clear(plaintext)
	return ParseOwnKey(plaintext)
}

// wrapping derives the key that wraps and the commitment to k.
func (k *Key) wrapping() (kek, commitment []byte, err error) {
	k = k.orZero()
	info := wire.AppendBound(nil, wire.LabelKeyWrap, wire.AppendInt(nil, int64(k.alg)))
	var out []byte
	err = k.secret.Use(func(b []byte) (err error) {
		out, err = hkdf.Key(sha256.New, b, nil, string(info), 2*keySize)
		return err
	})
	if err != nil {
		return nil, nil, wrapError(err)
	}
	return out[:keySize:keySize], out[keySize:], nil
}

func wrapHeader(commitment []byte) []byte {
	return coseimpl.AppendHeader(nil,
		coseimpl.IntField(coseimpl.HeaderAlg, int64(A256GCM)),
		coseimpl.TextField(coseimpl.HeaderTyp, wire.LabelKeyWrap),
		coseimpl.BytesField(coseimpl.HeaderCommitment, commitment))
}

func wrapAAD(aad []byte) []byte { return wire.AppendBound(nil, wire.LabelKeyWrap, aad) }
