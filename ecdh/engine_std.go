//go:build !(amd64 || wasm)

package ecdh

import "crypto/ecdh"

// crypto/ecdh has assembly for arm64, and measured 0.64 of circl's time for an agreement on 386.

func basePoint(scalar []byte) (public [Size]byte) {
	k, err := ecdh.X25519().NewPrivateKey(scalar)
	if err != nil {
		return public // unreachable: every 32 bytes are a private key. The zero point is refused by every peer.
	}
	return [Size]byte(k.PublicKey().Bytes())
}

// agree reports false when the result is all zero.
func agree(out *[Size]byte, scalar []byte, peer *[Size]byte) bool {
	k, err := ecdh.X25519().NewPrivateKey(scalar)
	if err != nil {
		return false
	}
	p, err := ecdh.X25519().NewPublicKey(peer[:])
	if err != nil {
		return false
	}
	z, err := k.ECDH(p) // refuses the all-zero result (RFC 7748 §6.1)
	copy(out[:], z)
	clear(z)
	return err == nil
}
