package conformance

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	_ "crypto/sha256" // crypto.SHA256
	_ "crypto/sha512" // crypto.SHA384, crypto.SHA512
	"fmt"
	"io"
	"math/big"

	gocose "github.com/veraison/go-cose"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// signature is a signature algorithm of RFC 9053 §2. Its hash does not bind ECDSA to a curve (RFC 9053 §2.1), so
// go-cose's own ECDSA keys, which are bound, are not enough for the vectors.
type signature struct {
	id   gocose.Algorithm
	hash crypto.Hash // 0 for EdDSA
}

var signatures = map[string]signature{
	"EdDSA": {gocose.AlgorithmEdDSA, 0},
	"ES256": {gocose.AlgorithmES256, crypto.SHA256},
	"ES384": {gocose.AlgorithmES384, crypto.SHA384},
	"ES512": {gocose.AlgorithmES512, crypto.SHA512},
}

func (k exampleKey) verifier(alg signature) (gocose.Verifier, error) {
	if alg.hash == 0 {
		crv, err := k.curve()
		if err != nil {
			return nil, err
		}
		if crv != "Ed25519" {
			return nil, skip(fmt.Sprintf("%q is not a curve of sotto", crv))
		}
		x, err := k.octets("x")
		if err != nil {
			return nil, err
		}
		if len(x) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("key with x of %d bytes", len(x))
		}
		return gocose.NewVerifier(alg.id, ed25519.PublicKey(x))
	}
	header, err := k.public()
	if err != nil {
		return nil, err
	}
	curve, err := curveNamed(k.text("crv"))
	if err != nil {
		return nil, err
	}
	point, err := curve.point(header)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve.elliptic, point)
	return &ecdsaVerifier{alg, curve, key}, err
}

func (k exampleKey) signer(alg signature) (gocose.Signer, error) {
	d, err := k.octets("d")
	if err != nil {
		return nil, err
	}
	if alg.hash == 0 {
		if len(d) != ed25519.SeedSize {
			return nil, fmt.Errorf("key with d of %d bytes", len(d))
		}
		return gocose.NewSigner(alg.id, ed25519.NewKeyFromSeed(d))
	}
	curve, err := curveNamed(k.text("crv"))
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.ParseRawPrivateKey(curve.elliptic, d)
	return &ecdsaSigner{alg, curve, key}, err
}

func (s signature) digest(content []byte) []byte {
	h := s.hash.New()
	h.Write(content)
	return h.Sum(nil)
}

type ecdsaVerifier struct {
	alg   signature
	curve *nistCurve
	key   *ecdsa.PublicKey
}

func (v *ecdsaVerifier) Algorithm() gocose.Algorithm { return v.alg.id }

// Verify takes r and s as two coordinates (RFC 9053 §2.1).
func (v *ecdsaVerifier) Verify(content, sig []byte) error {
	n := v.curve.size
	if len(sig) != 2*n {
		return gocose.ErrVerification
	}
	r, s := new(big.Int).SetBytes(sig[:n]), new(big.Int).SetBytes(sig[n:])
	if !ecdsa.Verify(v.key, v.alg.digest(content), r, s) {
		return gocose.ErrVerification
	}
	return nil
}

type ecdsaSigner struct {
	alg   signature
	curve *nistCurve
	key   *ecdsa.PrivateKey
}

func (s *ecdsaSigner) Algorithm() gocose.Algorithm { return s.alg.id }

// Sign is deterministic (RFC 6979), which crypto/ecdsa is when it gets no randomness.
func (s *ecdsaSigner) Sign(_ io.Reader, content []byte) ([]byte, error) {
	der, err := s.key.Sign(nil, s.alg.digest(content), s.alg.hash)
	if err != nil {
		return nil, err
	}
	var seq cryptobyte.String
	r, t := new(big.Int), new(big.Int)
	in := cryptobyte.String(der)
	if !in.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1Integer(r) || !seq.ReadASN1Integer(t) {
		return nil, fmt.Errorf("ECDSA signature is not two integers")
	}
	sig := make([]byte, 2*s.curve.size)
	r.FillBytes(sig[:s.curve.size])
	t.FillBytes(sig[s.curve.size:])
	return sig, nil
}
