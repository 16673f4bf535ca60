package ecdh

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/secret"
	"github.com/sottokit/sotto/internal/wire"
)

// Shared is an agreed secret. It is not uniformly random, so only a KDF may read it. It is safe for concurrent use.
type Shared struct {
	_ [0]func()
	redacted
	z *secret.Bytes
}

func newShared(z []byte) *Shared {
	return &Shared{redacted: secret.Redact("ecdh.Shared", nil), z: secret.Own(z)}
}

// HKDF derives size bytes, at most 8160, by HKDF-SHA-256 (RFC 5869). info says what the result is for and between whom.
func (s *Shared) HKDF(salt, info []byte, size int) ([]byte, error) {
	if size < 1 || size > 255*sha256.Size {
		return nil, fmt.Errorf("ecdh: HKDF output of %d bytes: %w", size, fault.Misuse)
	}
	var out []byte
	err := s.z.Use(func(z []byte) (err error) {
		out, err = hkdf.Key(sha256.New, z, salt, string(info), size)
		return err
	})
	return out, err
}

// ExportSecret returns a copy of the 32 secret bytes, for KDFs that HKDF above does not cover. The caller must wipe it.
func (s *Shared) ExportSecret() ([]byte, error) { return s.z.Export() }

// Destroy wipes the secret. It is idempotent; later uses fail with fault.DestroyedKey.
func (s *Shared) Destroy() { s.z.Destroy() }

// MaxName bounds the name of a party in Combined, in bytes.
const MaxName = 1024

// Combined is the static-static secret of two named parties: X25519 of their long-term keys, extracted under both names
// and both public keys, so that it is the same value on both sides and another one for any other pair of names.
//
//	secret = HKDF-Extract(salt = SHA-256(["sotto/v1.combined", name, key, name, key]), X25519)
//
// with the parties in ascending order of name, then key. It is the same for ever: it has no forward secrecy, and what is
// encrypted under it needs a fresh value of its own. An empty name, or twice the same party, is fault.Misuse.
func Combined(me *PrivateKey, peer *PublicKey, myName, peerName []byte) (*Shared, error) {
	if me == nil || peer == nil {
		return nil, fmt.Errorf("ecdh: no key: %w", fault.Misuse)
	}
	for _, name := range [][]byte{myName, peerName} {
		if len(name) == 0 || len(name) > MaxName {
			return nil, fmt.Errorf("ecdh: party name of %d bytes: %w", len(name), fault.Misuse)
		}
	}
	a, b := named{myName, me.Public().b[:]}, named{peerName, peer.b[:]}
	switch order := a.compare(b); {
	case order == 0:
		return nil, fmt.Errorf("ecdh: a party with itself: %w", fault.Misuse)
	case order > 0:
		a, b = b, a
	}
	z, err := me.Agree(peer)
	if err != nil {
		return nil, err
	}
	defer z.Destroy()
	salt := sha256.Sum256(wire.AppendBound(nil, wire.LabelCombined, a.name, a.key, b.name, b.key))
	var prk []byte
	err = z.z.Use(func(ikm []byte) (err error) {
		prk, err = hkdf.Extract(sha256.New, ikm, salt[:])
		return err
	})
	if err != nil {
		return nil, err
	}
	return newShared(prk), nil
}

// named is one party of Combined.
type named struct{ name, key []byte }

func (a named) compare(b named) int {
	if order := bytes.Compare(a.name, b.name); order != 0 {
		return order
	}
	return bytes.Compare(a.key, b.key)
}
