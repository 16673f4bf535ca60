package cose

import (
	"bytes"
	"crypto/ed25519"
	"fmt"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
)

// X25519 and Ed25519 keys as COSE_Key of type OKP (RFC 9053 §7.2), written in deterministic form and read with their
// parameters in any order. keyID is the kid of the key; nil leaves it out. What is no such key is fault.Malformed; what
// restricts its use by key_ops is fault.UnsupportedVersion.

// PublicX25519 returns {1: 1, 2: kid, -1: 4, -2: x}.
func PublicX25519(k *ecdh.PublicKey, keyID []byte) []byte {
	key := coseimpl.OKPKey{KID: keyID, X: k.Bytes()}
	return key.Append(nil, coseimpl.CurveX25519)
}

// ParsePublicX25519 reads a public key. A private key is refused: it does not belong where a public one is expected.
func ParsePublicX25519(coseKey []byte) (k *ecdh.PublicKey, keyID []byte, err error) {
	okp, err := parsePublic(coseKey, coseimpl.CurveX25519, ecdh.Size)
	if err != nil {
		return nil, nil, err
	}
	k, err = ecdh.NewPublicKey(okp.X)
	if err != nil {
		return nil, nil, wrapError(err)
	}
	return k, bytes.Clone(okp.KID), nil
}

// ExportSecretX25519 returns {1: 1, 2: kid, -1: 4, -2: x, -4: d}, which the caller must wipe.
func ExportSecretX25519(k *ecdh.PrivateKey, keyID []byte) ([]byte, error) {
	d, err := k.ExportSecret()
	if err != nil {
		return nil, wrapError(err)
	}
	defer clear(d)
	key := coseimpl.OKPKey{KID: keyID, X: k.Public().Bytes(), D: d}
	return key.Append(nil, coseimpl.CurveX25519), nil
}

// ParseSecretX25519 reads a private key. Its public half may be missing, but not be another one's.
func ParseSecretX25519(coseKey []byte) (k *ecdh.PrivateKey, keyID []byte, err error) {
	okp, err := parsePrivate(coseKey, coseimpl.CurveX25519, ecdh.Size)
	if err != nil {
		return nil, nil, err
	}
	k, err = ecdh.NewPrivateKey(okp.D)
	if err != nil {
		return nil, nil, wrapError(err)
	}
	if okp.X != nil && !bytes.Equal(okp.X, k.Public().Bytes()) {
		k.Destroy()
		return nil, nil, fmt.Errorf("cose: COSE_Key: x is not of d: %w", fault.Malformed)
	}
	return k, bytes.Clone(okp.KID), nil
}

// COSEKey returns the public key as {1: 1, 2: kid, -1: 6, -2: x}.
func (v *Verifier) COSEKey() []byte {
	key := coseimpl.OKPKey{KID: v.keyID, X: v.key}
	return key.Append(nil, coseimpl.CurveEd25519)
}

// ParseVerifier reads a public Ed25519 key; its kid becomes the key ID.
func ParseVerifier(coseKey []byte) (*Verifier, error) {
	okp, err := parsePublic(coseKey, coseimpl.CurveEd25519, ed25519.PublicKeySize)
	if err != nil {
		return nil, err
	}
	return NewVerifier(okp.X, okp.KID)
}

// ExportSecretCOSEKey returns {1: 1, 2: kid, -1: 6, -2: x, -4: d}, which the caller must wipe. A key in hardware has
// none to give: fault.Misuse.
func (s *Signer) ExportSecretCOSEKey() ([]byte, error) {
	seed, err := s.ExportSecretSeed()
	if err != nil {
		return nil, err
	}
	defer clear(seed)
	key := coseimpl.OKPKey{KID: s.verifier.keyID, X: s.verifier.key, D: seed}
	return key.Append(nil, coseimpl.CurveEd25519), nil
}

// ParseSigner reads a private Ed25519 key; its kid becomes the key ID. Its public half may be missing, but not be
// another one's.
func ParseSigner(coseKey []byte) (*Signer, error) {
	okp, err := parsePrivate(coseKey, coseimpl.CurveEd25519, ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	key := ed25519.NewKeyFromSeed(okp.D)
	defer clear(key)
	if okp.X != nil && !bytes.Equal(okp.X, key.Public().(ed25519.PublicKey)) {
		return nil, fmt.Errorf("cose: COSE_Key: x is not of d: %w", fault.Malformed)
	}
	return NewSigner(key, okp.KID)
}

func parsePublic(coseKey []byte, curve int64, size int) (*coseimpl.OKPKey, error) {
	okp, err := coseimpl.ParseOKPKey(coseKey, curve, size)
	if err != nil {
		return nil, wrapError(err)
	}
	if okp.D != nil {
		return nil, fmt.Errorf("cose: COSE_Key: private where a public key is expected: %w", fault.Malformed)
	}
	return okp, nil
}

func parsePrivate(coseKey []byte, curve int64, size int) (*coseimpl.OKPKey, error) {
	okp, err := coseimpl.ParseOKPKey(coseKey, curve, size)
	if err != nil {
		return nil, wrapError(err)
	}
	if okp.D == nil {
		return nil, fmt.Errorf("cose: COSE_Key: public where a private key is expected: %w", fault.Malformed)
	}
	return okp, nil
}
