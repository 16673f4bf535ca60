package cpace_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/cpace"
	"github.com/sottokit/sotto/internal/faulttest"
)

var wantFault = faulttest.Want

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func scalar(t testing.TB, b []byte) *cpace.Scalar {
	t.Helper()
	y, err := cpace.ScalarFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

// wantRefusal tells the checks of a share apart. Each would refuse most of what the other does: what does not decode
// comes out of a multiplication as the neutral element.
func wantRefusal(t testing.TB, err error, why string) {
	t.Helper()
	wantFault(t, err, fault.Malformed)
	if err != nil && !strings.Contains(err.Error(), why) {
		t.Errorf("error is %v, want %s", err, why)
	}
}

// side is what one side of a run believes.
type side struct{ prs, ci, sid, ad, peerAD []byte }

// agree runs both sides, a as the initiator.
func agree(t testing.TB, a, b side) (iskA, iskB []byte) {
	t.Helper()
	alice, bob := cpace.Begin(cpace.NewScalar(), a.prs, a.ci, a.sid), cpace.Begin(cpace.NewScalar(), b.prs, b.ci, b.sid)
	iskA, err := alice.Initiator(a.ad, bob.Share(), a.peerAD)
	if err != nil {
		t.Fatal(err)
	}
	iskB, err = bob.Responder(b.ad, alice.Share(), b.peerAD)
	if err != nil {
		t.Fatal(err)
	}
	return iskA, iskB
}

func TestBothSidesAgree(t *testing.T) {
	a := side{[]byte("123456789"), []byte("channel"), []byte("run"), []byte("old"), []byte("new")}
	b := side{a.prs, a.ci, a.sid, a.peerAD, a.ad}
	one, two := agree(t, a, b)
	if !bytes.Equal(one, two) || len(one) != 64 {
		t.Errorf("%x and %x", one, two)
	}
	if again, _ := agree(t, a, b); bytes.Equal(again, one) {
		t.Error("another run gave the same key")
	}
	if one, two = agree(t, side{}, side{}); !bytes.Equal(one, two) {
		t.Error("no agreement on nothing but the suite")
	}
}

func TestSidesDifferWhenAnythingDiffers(t *testing.T) {
	a := side{[]byte("123456789"), []byte("channel"), []byte("run"), []byte("old"), []byte("new")}
	for name, change := range map[string]func(b *side){
		"prs":          func(b *side) { b.prs = []byte("123456780") },
		"longer prs":   func(b *side) { b.prs = []byte("123456789\x00") },
		"ci":           func(b *side) { b.ci = []byte("chanel") },
		"sid":          func(b *side) { b.sid = []byte("nur") },
		"from ci":      func(b *side) { b.ci, b.sid = []byte("channe"), []byte("lrun") },
		"from prs":     func(b *side) { b.prs, b.ci = []byte("12345678"), []byte("9channel") },
		"ad of itself": func(b *side) { b.ad = []byte("new!") },
		"ad of peer":   func(b *side) { b.peerAD = []byte("old!") },
		"no ad":        func(b *side) { b.ad = nil },
		"swapped ad":   func(b *side) { b.ad, b.peerAD = b.peerAD, b.ad },
	} {
		b := side{a.prs, a.ci, a.sid, a.peerAD, a.ad}
		change(&b)
		if one, two := agree(t, a, b); bytes.Equal(one, two) {
			t.Errorf("%s: the same key", name)
		}
	}
}

// A side that is given its own messages, or that takes itself for the other role, has another key.
func TestRolesCount(t *testing.T) {
	alice, bob := cpace.Begin(cpace.NewScalar(), nil, nil, nil), cpace.Begin(cpace.NewScalar(), nil, nil, nil)
	first, err1 := alice.Initiator(nil, bob.Share(), nil)
	second, err2 := bob.Initiator(nil, alice.Share(), nil)
	if err1 != nil || err2 != nil || bytes.Equal(first, second) {
		t.Errorf("two initiators: %x and %x, %v, %v", first, second, err1, err2)
	}
	first, err1 = alice.Responder(nil, bob.Share(), nil)
	second, err2 = bob.Responder(nil, alice.Share(), nil)
	if err1 != nil || err2 != nil || bytes.Equal(first, second) {
		t.Errorf("two responders: %x and %x, %v, %v", first, second, err1, err2)
	}
}

// RFC 9496 appendix A.2.
func TestEncodingThatIsNotCanonicalIsRefused(t *testing.T) {
	p := cpace.Begin(cpace.NewScalar(), nil, nil, nil)
	for what, encodings := range refusedEncodings {
		for _, e := range encodings {
			b := unhex(t, e)
			_, err := p.Initiator(nil, b, nil)
			wantRefusal(t, err, "no element")
			_, err = p.Responder(nil, b, nil)
			wantRefusal(t, err, "no element")
			if t.Failed() {
				t.Fatalf("%s: %s", what, e)
			}
		}
	}
}

func TestShareWithABitMoreThanTheFieldIsRefused(t *testing.T) {
	p, peer := cpace.Begin(cpace.NewScalar(), nil, nil, nil), cpace.Begin(cpace.NewScalar(), nil, nil, nil).Share()
	peer[31] |= 0x80
	_, err := p.Initiator(nil, peer, nil)
	wantRefusal(t, err, "no element")
}

func TestNeutralElementIsRefused(t *testing.T) {
	p := cpace.Begin(cpace.NewScalar(), nil, nil, nil)
	_, err := p.Initiator(nil, make([]byte, cpace.Size), nil)
	wantRefusal(t, err, "neutral element")
	_, err = p.Responder(nil, make([]byte, cpace.Size), nil)
	wantRefusal(t, err, "neutral element")
}

func TestShareOfAnotherLengthIsRefused(t *testing.T) {
	p, peer := cpace.Begin(cpace.NewScalar(), nil, nil, nil), cpace.Begin(cpace.NewScalar(), nil, nil, nil).Share()
	for _, b := range [][]byte{nil, {}, peer[:1], peer[:31], append(slices.Clone(peer), 0), slices.Concat(peer, peer)} {
		_, err := p.Initiator(nil, b, nil)
		wantFault(t, err, fault.Malformed)
		_, err = p.Responder(nil, b, nil)
		wantFault(t, err, fault.Malformed)
	}
}

func TestScalarIsReducedAndNotZero(t *testing.T) {
	order := unhex(t, "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
	above := slices.Clone(order)
	above[0]++
	for _, b := range [][]byte{nil, order[:31], append(slices.Clone(order), 0), make([]byte, 32), order, above,
		bytes.Repeat([]byte{0xff}, 32), append(make([]byte, 31), 0x20)} {
		_, err := cpace.ScalarFrom(b)
		wantFault(t, err, fault.Malformed)
	}
	below := slices.Clone(order)
	below[0]--
	for _, b := range [][]byte{below, append([]byte{1}, make([]byte, 31)...)} {
		if p := cpace.Begin(scalar(t, b), nil, nil, nil); len(p.Share()) != 32 {
			t.Errorf("%x: no share", b)
		}
	}
}

func TestScalarFromCopies(t *testing.T) {
	b := bytes.Repeat([]byte{7}, 32)
	y := scalar(t, b)
	clear(b)
	if !bytes.Equal(cpace.Begin(y, nil, nil, nil).Share(), begin7(t).Share()) {
		t.Error("the scalar changed with the bytes that it came from")
	}
}

func begin7(t testing.TB) *cpace.Party {
	return cpace.Begin(scalar(t, bytes.Repeat([]byte{7}, 32)), nil, nil, nil)
}

func TestPartySharesNoMemoryWithItsCaller(t *testing.T) {
	sid, peer := []byte("run"), cpace.Begin(cpace.NewScalar(), nil, nil, nil).Share()
	p := cpace.Begin(scalar(t, bytes.Repeat([]byte{7}, 32)), nil, nil, sid)
	want, err := p.Initiator(nil, peer, nil)
	if err != nil {
		t.Fatal(err)
	}
	clear(sid)
	clear(p.Share())
	if have, err := p.Initiator(nil, peer, nil); err != nil || !bytes.Equal(have, want) {
		t.Errorf("%x, %v, want %x", have, err, want)
	}
}

func TestDestroyedPartyAgreesNoMore(t *testing.T) {
	peer := cpace.Begin(cpace.NewScalar(), nil, nil, nil).Share()
	y := cpace.NewScalar()
	p := cpace.Begin(y, nil, nil, nil)
	share := p.Share()
	p.Destroy()
	p.Destroy()
	if !bytes.Equal(p.Share(), share) {
		t.Error("the share is gone")
	}
	late := cpace.Begin(y, nil, nil, nil) // with the scalar that the party owned
	for _, p := range []*cpace.Party{p, late, {}, nil} {
		_, err := p.Initiator(nil, peer, nil)
		wantFault(t, err, fault.DestroyedKey)
		_, err = p.Responder(nil, peer, nil)
		wantFault(t, err, fault.DestroyedKey)
		p.Destroy()
	}
	for _, y := range []*cpace.Scalar{y, {}, nil} {
		y.Destroy()
		if share := cpace.Begin(y, nil, nil, nil).Share(); share != nil {
			t.Errorf("a destroyed scalar has a share: %x", share)
		}
	}
}

func TestNothingPrintsASecret(t *testing.T) {
	b, prs := bytes.Repeat([]byte("hus\x05"), 8), []byte("123456789")
	y := scalar(t, b)
	p := cpace.Begin(y, prs, nil, []byte("run"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q", "%p"} {
		out := fmt.Sprintf(strings.Repeat(verb+" ", 4), y, p, *y, *p)
		for _, leak := range []string{"hus", hex.EncodeToString(b[:4]), fmt.Sprint(b[:4])[1:8], string(prs)} {
			if strings.Contains(out, leak) {
				t.Errorf("%s prints a secret: %s", verb, out)
			}
		}
	}
	for _, v := range []any{y, p} {
		if out, err := json.Marshal(v); err != nil || !strings.Contains(string(out), "cpace.") {
			t.Errorf("as JSON %s, %v", out, err)
		}
	}
}
