package conformance

import (
	"bytes"
	"crypto/sha512"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/bwesterb/go-ristretto"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/cpace"
)

// transcripts are those of sides with roles and of sides without, which sort what they sent.
func (v cpaceValues) transcripts() (ir, oc []byte) {
	a, b := cpace.Concat(v["Ya"], v["ADa"]), cpace.Concat(v["Yb"], v["ADb"])
	ir = slices.Concat(a, b)
	if bytes.Compare(a, b) < 0 {
		a, b = b, a
	}
	return ir, slices.Concat([]byte("oc"), a, b)
}

func (c *cpaceSuite) hashISK(sid, k, transcript []byte) []byte {
	return sha512Of(cpace.Concat([]byte(c.dsi+"_ISK"), sid, k), transcript)
}

// sidOutput is a session ID for who has agreed on none before.
func sidOutput(transcript []byte) []byte { return sha512Of([]byte("CPaceSidOutput"), transcript) }

func sha512Of(parts ...[]byte) []byte {
	sum := sha512.Sum512(slices.Concat(parts...))
	return sum[:]
}

// runCPace runs both sides of internal/cpace, shares included.
func runCPace(v cpaceValues) (a, b []byte, err error) {
	ya, err1 := cpace.ScalarFrom(v["ya"])
	yb, err2 := cpace.ScalarFrom(v["yb"])
	if err := errors.Join(err1, err2); err != nil {
		return nil, nil, err
	}
	alice, bob := cpace.Begin(ya, v["PRS"], v["CI"], v["sid"]), cpace.Begin(yb, v["PRS"], v["CI"], v["sid"])
	a, err1 = alice.Initiator(v["ADa"], bob.Share(), v["ADb"])
	b, err2 = bob.Responder(v["ADb"], alice.Share(), v["ADa"])
	return a, b, errors.Join(err1, err2,
		equal("share of A", alice.Share(), v["Ya"]), equal("share of B", bob.Share(), v["Yb"]))
}

// checkProduct holds internal/cpace against a product, which shows in what it hashes.
func (c *cpaceSuite) checkProduct(v cpaceValues) error {
	y, err := cpace.ScalarFrom(v[cpaceScalar])
	if err != nil {
		return err
	}
	p := cpace.Begin(y, nil, nil, nil)
	isk, err := p.Initiator(nil, v[cpaceX], nil)
	if err != nil {
		return err
	}
	run := cpaceValues{"Ya": p.Share(), "Yb": v[cpaceX]}
	transcript, _ := run.transcripts()
	return equal("ISK", isk, c.hashISK(nil, v[cpaceChecked], transcript))
}

func ristrettoGenerator(text []byte) ([]byte, error) {
	return new(ristretto.Point).DeriveDalek(text).Bytes(), nil
}

func ristrettoMult(scalar, point []byte) ([]byte, error) {
	var p ristretto.Point
	var k ristretto.Scalar
	if len(scalar) != cpace.Size || !k.SetBytesStrict((*[cpace.Size]byte)(scalar)) {
		return nil, errors.New("scalar is not reduced, or of another length")
	}
	if len(point) != cpace.Size || !p.SetBytes((*[cpace.Size]byte)(point)) {
		return nil, fmt.Errorf("no element: %w", fault.Malformed)
	}
	return p.ScalarMult(&p, &k).Bytes(), nil
}

// invalidRistretto gives a point to internal/cpace.
func invalidRistretto(point []byte) (string, error) {
	_, err := cpace.Begin(cpace.NewScalar(), nil, nil, nil).Initiator(nil, point, nil)
	return refusedPoint(err)
}

// invalidX25519 agrees with a point of low order. A point with bit 255 is one only for who counts that bit: X25519 clears
// it (RFC 7748 §5) and gets another point, which may be a good one. Then the number is refused as what it is modulo p.
func invalidX25519(point []byte) (string, error) {
	scalar := bytes.Repeat([]byte{1}, cpace.Size)
	_, err := agreeX25519(scalar, point)
	if err != nil || point[cpace.Size-1]>>7 == 0 {
		return refusedPoint(err)
	}
	_, err = agreeX25519(scalar, littleEndian(new(big.Int).Mod(fromLittleEndian(point), prime)))
	if _, err := refusedPoint(err); err != nil {
		return "", err
	}
	return "of low order with bit 255, which X25519 clears: then it is a good point", nil
}

// prime is that of Curve25519, 2^255 - 19. It is written nowhere.
var prime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))

// elligator2 maps a generator string to a u-coordinate of Curve25519 (RFC 9380 §6.7.1, with Z = 2 and without v). It is
// for vectors: it takes a time that depends on the secret.
func elligator2(text []byte) ([]byte, error) {
	hash := sha512Of(text)[:cpace.Size]
	hash[cpace.Size-1] &= 0x7f // decodeUCoordinate of RFC 7748
	a, one := big.NewInt(486662), big.NewInt(1)
	mod := func(x *big.Int) *big.Int { return x.Mod(x, prime) }
	square := func(x *big.Int) *big.Int { return mod(new(big.Int).Mul(x, x)) }

	r := fromLittleEndian(hash)
	below := mod(new(big.Int).Add(one, new(big.Int).Lsh(square(r), 1))) // never 0: -1/2 is no square
	u := mod(new(big.Int).Neg(new(big.Int).Mul(a, new(big.Int).ModInverse(below, prime))))

	// v^2 = u^3 + a u^2 + u = u ((u + a) u + 1)
	v2 := new(big.Int).Add(u, a)
	v2 = mod(v2.Mul(u, v2.Add(v2.Mul(v2, u), one)))
	if big.Jacobi(v2, prime) < 0 {
		u = mod(u.Neg(u.Add(u, a)))
	}
	return littleEndian(u), nil
}

// fromLittleEndian reads a little-endian number.
func fromLittleEndian(b []byte) *big.Int {
	b = slices.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

// littleEndian writes a number below the prime in 32 bytes.
func littleEndian(x *big.Int) []byte {
	b := x.FillBytes(make([]byte, cpace.Size))
	slices.Reverse(b)
	return b
}
