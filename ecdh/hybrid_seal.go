package ecdh

import (
	"crypto/hpke"
	"fmt"

	"github.com/sottokit/sotto/fault"
)

// EncapsulatedSize is the length of an encapsulated key of X-Wing, in bytes: a ciphertext of ML-KEM-768 (1088), then an
// ephemeral X25519 key (32).
const EncapsulatedSize = 1088 + Size

// Seal encrypts plaintext to the holder of the private key by HPKE: single shot, base mode (RFC 9180 §6.1), with X-Wing,
// HKDF-SHA256 and AES-256-GCM. info says what it is for and between whom, aad is authenticated beside it. It returns the
// encapsulated key, of EncapsulatedSize bytes, and a ciphertext that is 16 bytes longer than plaintext. Each call
// encapsulates anew. The zero value and nil are no key: fault.Misuse.
func (p *HybridPublicKey) Seal(info, aad, plaintext []byte) (encapsulated, ciphertext []byte, err error) {
	if p == nil || p.key == nil {
		return nil, nil, fmt.Errorf("ecdh: no hybrid public key: %w", fault.Misuse)
	}
	encapsulated, sender, err := hpke.NewSender(p.key, hpke.HKDFSHA256(), hpke.AES256GCM(), info)
	if err != nil { // unreachable: NewHybridPublicKey refused points of low order
		return nil, nil, fmt.Errorf("ecdh: hybrid public key: %w", fault.Malformed)
	}
	if ciphertext, err = sender.Seal(aad, plaintext); err != nil {
		return nil, nil, fmt.Errorf("ecdh: hybrid encryption: %w", fault.Misuse) // unreachable: the first of 2^96 nonces
	}
	return encapsulated, ciphertext, nil
}

// Open decrypts what Seal made for the same info and aad, and returns plaintext, which the caller wipes when it is secret. An
// encapsulated key of another length, and one whose X25519 half is of low order, are fault.Malformed. What is not from Seal
// with this key, info and aad is fault.Damaged: ML-KEM decapsulates anything, to a secret that nobody knows (FIPS 203 §6.3).
func (k *HybridPrivateKey) Open(encapsulated, info, aad, ciphertext []byte) (plaintext []byte, err error) {
	err = k.secret().Use(func(seed []byte) error {
		private, err := hpke.MLKEM768X25519().NewPrivateKey(seed) // only here: what it expands to cannot be wiped
		if err != nil {
			return fmt.Errorf("ecdh: hybrid private key: %w", fault.Malformed) // unreachable: it was one before
		}
		recipient, err := hpke.NewRecipient(encapsulated, private, hpke.HKDFSHA256(), hpke.AES256GCM(), info)
		if err != nil {
			return fmt.Errorf("ecdh: encapsulated key of %d bytes, or of low order: %w", len(encapsulated), fault.Malformed)
		}
		if plaintext, err = recipient.Open(aad, ciphertext); err != nil {
			return fmt.Errorf("ecdh: hybrid decryption: %w", fault.Damaged)
		}
		return nil
	})
	return plaintext, err
}
