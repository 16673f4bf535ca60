package envelope

import (
	"fmt"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// protected2 is the content of a recipient's protected header in suite 2: {1: -70768}, HPKE.
const protected2 = "\xa1\x01\x3a\x00\x01\x14\x6f"

// suite2 is HPKE in base mode with X-Wing, HKDF-SHA256 and AES-256-GCM (RFC 9180 §5.1.1; KEM 0x647a, KDF 1, AEAD 2):
//
//	[<<{1: -70768}>>, {-4: encapsulated key, 4: key_id}, HPKE.Seal(CEK)]
//
// Recipients share nothing: each has its own encapsulation, and X-Wing binds its ciphertext and public keys.
var suite2 = suite{
	number:        2,
	beforeKeyID:   "\x83\x47" + protected2 + "\xa2\x04\x50",
	beforePublic:  "\x23\x59\x04\x60",
	beforeWrapped: "\x58\x30",
	publicSize:    ecdh.EncapsulatedSize,
	wrappedSize:   keySize + tagSize,
	wrapper:       wrapper2,
	unwrap:        unwrap2,
}

func wrapper2(session [32]byte, _ *ecdh.PrivateKey) wrap {
	return func(to *Recipient, cek []byte) (public, wrapped []byte, err error) {
		return to.Hybrid.Seal(hpkeInfo(session, to.KeyID, to.Cert), []byte(protected2), cek)
	}
}

func unwrap2(session [32]byte, p *Private, public, wrapped []byte) ([]byte, error) {
	if p.Hybrid == nil {
		return nil, fmt.Errorf("recipient of suite 2 for a key of suite 1: %w", fault.Malformed)
	}
	return p.Hybrid.Open(public, hpkeInfo(session, p.KeyID, p.Cert), []byte(protected2), wrapped)
}

// hpkeInfo binds a recipient to the session, the messaging key and the record.
func hpkeInfo(session [32]byte, keyID [keyIDSize]byte, cert [32]byte) []byte {
	return wire.AppendBound(nil, wire.LabelRecipient, session[:], keyID[:], cert[:])
}
