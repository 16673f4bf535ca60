package conformance

import (
	"crypto/ecdh"
	"crypto/elliptic"
	"fmt"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
)

// Type and curves of EC2 keys (RFC 9053 §7.1), which sotto has for published vectors only.
const typeEC2 = 2

type nistCurve struct {
	id       int64
	name     string
	size     int // of a coordinate, in bytes
	ecdh     ecdh.Curve
	elliptic elliptic.Curve
}

var nistCurves = []nistCurve{
	{1, "P-256", 32, ecdh.P256(), elliptic.P256()},
	{2, "P-384", 48, ecdh.P384(), elliptic.P384()},
	{3, "P-521", 66, ecdh.P521(), elliptic.P521()},
}

func curveNamed(name string) (*nistCurve, error) {
	for i := range nistCurves {
		if nistCurves[i].name == name {
			return &nistCurves[i], nil
		}
	}
	return nil, skip(fmt.Sprintf("%q is not a curve of sotto", name))
}

// public makes a public COSE_Key.
func (c *nistCurve) public(x []byte, y coseimpl.Field) coseimpl.Header {
	return coseimpl.Header{
		coseimpl.IntField(coseimpl.KeyType, typeEC2), coseimpl.IntField(coseimpl.KeyCurve, c.id),
		coseimpl.BytesField(coseimpl.KeyX, x), y,
	}
}

// CBOR encodings of the sign of y, in the place of y: a compressed point (RFC 9053 §7.1.1).
const cborFalse, cborTrue = 0xf4, 0xf5

// point returns the uncompressed form (SEC 1 §2.3.3) of a public COSE_Key.
func (c *nistCurve) point(key coseimpl.Header) ([]byte, error) {
	for label, want := range map[int64]int64{coseimpl.KeyType: typeEC2, coseimpl.KeyCurve: c.id} {
		if have, present, err := key.Int(label); err != nil || !present || have != want {
			return nil, fmt.Errorf("COSE_Key: parameter %d is not %d: %w", label, want, fault.Malformed)
		}
	}
	x, err := key.Bytes(coseimpl.KeyX)
	if err != nil {
		return nil, err
	}
	if len(x) != c.size {
		return nil, fmt.Errorf("COSE_Key: x of %d bytes: %w", len(x), fault.Malformed)
	}
	raw, _ := key.Find(coseimpl.KeyY)
	if len(raw) == 1 && (raw[0] == cborFalse || raw[0] == cborTrue) {
		return c.decompress(x, raw[0] == cborTrue)
	}
	y, err := key.Bytes(coseimpl.KeyY)
	if err != nil {
		return nil, err
	}
	if len(y) != c.size {
		return nil, fmt.Errorf("COSE_Key: y of %d bytes: %w", len(y), fault.Malformed)
	}
	return append(append([]byte{4}, x...), y...), nil
}

func (c *nistCurve) decompress(x []byte, odd bool) ([]byte, error) {
	sign := byte(2)
	if odd {
		sign = 3
	}
	px, py := elliptic.UnmarshalCompressed(c.elliptic, append([]byte{sign}, x...))
	if px == nil {
		return nil, fmt.Errorf("COSE_Key: no point has this x: %w", fault.Malformed)
	}
	point := append(append([]byte{4}, x...), make([]byte, c.size)...)
	py.FillBytes(point[1+c.size:])
	return point, nil
}

// nistAgreer is an EC2 key pair as the structures want it.
type nistAgreer struct {
	curve      *nistCurve
	key        *ecdh.PrivateKey
	compressed bool
}

func (a *nistAgreer) AppendPublic(dst []byte) ([]byte, error) {
	point := a.key.PublicKey().Bytes()
	x, y := point[1:1+a.curve.size], point[1+a.curve.size:]
	field := coseimpl.BytesField(coseimpl.KeyY, y)
	if a.compressed {
		field.Value = []byte{cborFalse | y[len(y)-1]&1}
	}
	return coseimpl.AppendHeader(dst, a.curve.public(x, field)...), nil
}

func (a *nistAgreer) Agree(peer coseimpl.Header) ([]byte, error) {
	point, err := a.curve.point(peer)
	if err != nil {
		return nil, err
	}
	public, err := a.curve.ecdh.NewPublicKey(point)
	if err != nil {
		return nil, fmt.Errorf("COSE_Key: not a point of %s: %w", a.curve.name, fault.Malformed)
	}
	return a.key.ECDH(public)
}
