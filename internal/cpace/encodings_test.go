package cpace_test

import (
	"bytes"
	"math/big"
	"slices"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/cpace"
	"github.com/sottokit/sotto/internal/faulttest"
)

// refusedEncodings encode no element (RFC 9496 appendix A.2), by why.
var refusedEncodings = map[string][]string{
	"field element is not canonical": {
		"00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	},
	"field element is negative": {
		"0100000000000000000000000000000000000000000000000000000000000000",
		"01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
		"c34c4e1826e5d403b78e246e88aa051c36ccf0aafebffe137d148a2bf9104562",
		"c940e5a4404157cfb1628b108db051a8d439e1a421394ec4ebccb9ec92a8ac78",
		"47cfc5497c53dc8e61c91d17fd626ffb1c49e2bca94eed052281b510b1117a24",
		"f1c6165d33367351b0da8f6e4511010c68174a03b6581212c71c0e1d026c3c72",
		"87260f7a2f12495118360f02c26a470f450dadf34a413d21042b43b9d93e1309",
	},
	"x^2 is no square": {
		"26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
		"4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f",
		"de6a7b00deadc788eb6b6c8d20c0ae96c2f2019078fa604fee5b87d6e989ad7b",
		"bcab477be20861e01e4a0e295284146a510150d9817763caf1a6f4b422d67042",
		"2a292df7e32cababbd9de088d1d1abec9fc0440f637ed2fba145094dc14bea08",
		"f4a9e534fc0d216c44b218fa0c42d99635a0127ee2e53c712f70609649fdff22",
		"8268436f8c4126196cf64b3c7ddbda90746a378625f9813dd9b8457077256731",
		"2810e5cbc2cc4d4eece54f61c6f69758e289aa7ab440b3cbeaa21995c2f4232b",
	},
	"x y is negative": {
		"3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
		"a45fdc55c76448c049a1ab33f17023edfb2be3581e9c7aade8a6125215e04220",
		"d483fe813c6ba647ebbfd3ec41adca1c6130c2beeee9d9bf065c8d151c5f396e",
		"8a2e1d30050198c65a54483123960ccc38aef6848e1ec8f5f780e8523769ba32",
		"32888462f8b486c68ad7dd9610be5192bbeaf3b443951ac1a8118419d9fa097b",
		"227142501b9d4355ccba290404bde41575b037693cef1f438c47f8fbf35d1165",
		"5c37cc491da847cfeb9281d407efc41e15144c876e0170b499a96a22ed31e01e",
		"445425117cb8c90edcbc7c1cc0e74f747f2c1efa5630a967c64f287792a48a4b",
	},
	"y is 0": {
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	},
}

var (
	prime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	d, _  = new(big.Int).SetString("37095705934669439343138083508754565189542113879843219016388785533085940283555", 10)
)

// encodesElement is the decision of RFC 9496 §4.3.1 in big integers, without the neutral element.
func encodesElement(b []byte) bool {
	if len(b) != 32 {
		return false
	}
	b = slices.Clone(b)
	slices.Reverse(b)
	s := new(big.Int).SetBytes(b)
	if s.Cmp(prime) >= 0 || s.Bit(0) == 1 || s.Sign() == 0 {
		return false
	}
	mul := func(x ...*big.Int) *big.Int {
		p := big.NewInt(1)
		for _, x := range x {
			p.Mod(p.Mul(p, x), prime)
		}
		return p
	}
	one, ss := big.NewInt(1), mul(s, s)
	u1, u2 := mul(new(big.Int).Sub(one, ss)), mul(new(big.Int).Add(one, ss))
	u22 := mul(u2, u2)
	v := mul(new(big.Int).Neg(new(big.Int).Add(mul(d, u1, u1), u22)))
	inverse := new(big.Int).ModInverse(mul(v, u22), prime)
	if inverse == nil {
		return false // y is 0, or x has no value
	}
	root := new(big.Int).ModSqrt(inverse, prime)
	if root == nil {
		return false
	}
	x, y := mul(big.NewInt(2), s, root, u2), mul(u1, root, root, u2, v)
	if x.Bit(0) == 1 {
		x.Sub(prime, x)
	}
	return mul(x, y).Bit(0) == 0 && y.Sign() != 0
}

// What is taken as a share is what RFC 9496 takes, and both roles take the same.
func FuzzPeerShare(f *testing.F) {
	for _, encodings := range refusedEncodings {
		f.Add(unhex(f, encodings[0]), []byte("ad"))
	}
	f.Add(make([]byte, 32), []byte{})
	f.Add(unhex(f, "d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec482b9157"), []byte("ADa"))
	f.Fuzz(func(t *testing.T, share, ad []byte) {
		p := begin7(t)
		a, err := p.Initiator(nil, share, ad)
		faulttest.FromInput(t, err)
		b, errB := p.Responder(nil, share, ad)
		if (err == nil) != encodesElement(share) || (err == nil) != (errB == nil) {
			t.Fatalf("share %x: %v, %v", share, err, errB)
		}
		if err != nil {
			wantFault(t, err, fault.Malformed)
		} else if len(a) != 64 || len(b) != 64 || bytes.Equal(a, b) {
			t.Errorf("%x and %x", a, b)
		}
	})
}

// About one string in eight encodes an element.
func TestSharesAreTakenAsTheRFCTakesThem(t *testing.T) {
	p, taken := begin7(t), 0
	for i := range 256 {
		b := append([]byte{byte(i)}, bytes.Repeat([]byte{0x5a}, 31)...)
		_, err := p.Initiator(nil, b, nil)
		if (err == nil) != encodesElement(b) {
			t.Errorf("%x: %v", b, err)
		}
		if err == nil {
			taken++
		}
	}
	if taken < 8 || taken > 128 {
		t.Errorf("%d of 256 taken", taken)
	}
	for what, encodings := range refusedEncodings {
		for _, e := range encodings {
			if encodesElement(unhex(t, e)) {
				t.Errorf("the judge takes %s: %s", e, what)
			}
		}
	}
	if share := cpace.Begin(cpace.NewScalar(), nil, nil, nil).Share(); !encodesElement(share) {
		t.Errorf("the judge refuses %x", share)
	}
}
