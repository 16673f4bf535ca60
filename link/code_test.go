package link_test

import (
	"bytes"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/link"
)

// The names of native.md, "must reject", cpace.

// notShares are no shares of CPace: the neutral element, and encodings that are none (RFC 9496 A.2, A.3).
func notShares() map[string][32]byte {
	ones := [32]byte(bytes.Repeat([]byte{0xff}, 32))
	p := ones
	p[0], p[31] = 0xed, 0x7f // the prime
	return map[string][32]byte{"identity-element": {}, "non-canonical-element": ones, "the prime": p, "negative": {1}}
}

// changedC1 is the first message with something changed.
func (r *run) changedC1(change func(m *linking.C1)) []byte {
	r.Helper()
	m, err := linking.ParseC1(r.old.First())
	if err != nil {
		r.Fatal(err)
	}
	change(m)
	b, err := m.Marshal()
	if err != nil {
		r.Fatal(err)
	}
	return b
}

// changedC2 is the same of the answer.
func (r *run) changedC2(c2 []byte, change func(m *linking.C2)) []byte {
	r.Helper()
	m, err := linking.ParseC2(c2)
	if err != nil {
		r.Fatal(err)
	}
	change(m)
	b, err := m.Marshal()
	if err != nil {
		r.Fatal(err)
	}
	return b
}

func TestShareThatIsNone(t *testing.T) {
	for name, share := range notShares() {
		t.Run(name, func(t *testing.T) {
			r := byCode(t)
			r.newEnds(r.changedC1(func(m *linking.C1) { m.Share = share }), fault.Malformed)

			r = byCode(t)
			r.oldEnds(r.changedC2(r.joined(), func(m *linking.C2) { m.Share = share }), fault.Malformed)
		})
	}
}

func TestADAltered(t *testing.T) {
	cert := byCode(t).phone.Record().Cert()
	for name, ad := range map[string][]byte{
		"another user": linking.OldAD("bob", cert), "another device": linking.OldAD(alice, [32]byte{1}),
	} {
		r := byCode(t)
		r.toNew(r.changedC1(func(m *linking.C1) { m.AD = ad }))
		c2, err := r.new.Join(device.Classical, start)
		if err != nil {
			t.Fatal(err)
		}
		if r.oldEnds(c2, fault.UntrustedSigner); t.Failed() {
			t.Fatal(name)
		}
	}
	r := byCode(t)
	r.newEnds(r.changedC1(func(m *linking.C1) { m.AD = linking.NewAD() }), fault.Malformed)
	r = byCode(t)
	c2 := r.joined()
	r.oldEnds(r.changedC2(c2, func(m *linking.C2) { m.AD = linking.OldAD(alice, cert) }), fault.Malformed)
}

// whoEnters is a new device that types that code for the attempt of r, up to its answer.
func (r *run) whoEnters(code string, first []byte) (n *link.New, c2 []byte) {
	r.Helper()
	n, err := link.Enter(code, start)
	if err != nil {
		r.Fatal(err)
	}
	if _, err := n.Receive(first, start); err != nil {
		r.Fatal(err)
	}
	if c2, err = n.Join(device.Classical, start); err != nil {
		r.Fatal(err)
	}
	return n, c2
}

func TestNameplateAltered(t *testing.T) {
	r := byCode(t)
	_, c2 := r.whoEnters("4712"+r.code[4:], r.old.First())
	r.oldEnds(c2, fault.UntrustedSigner)
}

func TestSecretOfTheCodeWrong(t *testing.T) {
	r := byCode(t)
	_, c2 := r.whoEnters(r.code[:5]+otherSecret(r.code[5:]), r.old.First())
	r.oldEnds(c2, fault.UntrustedSigner)
	// The code is used up: the right one comes too late.
	_, c2 = r.whoEnters(r.code, r.old.First())
	_, err := r.old.Receive(c2, start)
	wantFault(t, err, fault.Expired)
}

func otherSecret(s string) string {
	b := []byte(s)
	b[8] = '0' + (b[8]-'0'+1)%10
	return string(b)
}

func TestRendezvousOrShareAltered(t *testing.T) {
	for name, change := range map[string]func(m *linking.C1){
		"rendezvous": func(m *linking.C1) { m.Rendezvous[0] ^= 1 },
		"share": func(m *linking.C1) {
			other, err := linking.ParseC1(byCode(t).old.First())
			if err != nil {
				t.Fatal(err)
			}
			m.Share = other.Share
		},
	} {
		r := byCode(t)
		_, c2 := r.whoEnters(r.code, r.changedC1(change))
		if r.oldEnds(c2, fault.UntrustedSigner); t.Failed() {
			t.Fatal(name)
		}
	}
}

func TestSecondC2(t *testing.T) {
	r := byCode(t)
	_, late := r.whoEnters(r.code, r.old.First())
	r.shown()
	r.refuses(r.old.Receive, r.took[true][0], fault.Replayed)
	r.refuses(r.old.Receive, late, fault.Replayed)
	r.toNew(r.say(r.old.Confirm(r.new.Digits(), r.log, start)))
	r.oldEnds(late, fault.Malformed)
}

func TestSecondC1(t *testing.T) {
	r := byCode(t)
	first := r.old.First()
	other := r.changedC1(func(m *linking.C1) { m.Commitment[0] ^= 1 })
	r.toNew(first)
	r.states(link.Waiting, link.Asking)
	r.refuses(r.new.Receive, first, fault.Replayed)
	r.refuses(r.new.Receive, other, fault.Replayed)
	if _, err := r.new.Join(device.Classical, start); err != nil {
		t.Fatal(err)
	}
	r.refuses(r.new.Receive, first, fault.Replayed)
	r.newEnds(other, fault.Malformed)

	// One that is wrong uses the code up, too.
	r = byCode(t)
	r.newEnds(r.changedC1(func(m *linking.C1) { m.Share = [32]byte{} }), fault.Malformed)
	_, err := r.new.Receive(r.old.First(), start)
	wantFault(t, err, fault.Expired)
}

// m2 is the old device's proof, opened.
func (r *run) m2(sealed []byte) *linking.M2 {
	r.Helper()
	m := &linking.M2{}
	if err := r.channel.Open(sealed, m); err != nil {
		r.Fatal(err)
	}
	return m
}

func TestROOther(t *testing.T) {
	r := byCode(t)
	m := r.m2(r.toOld(r.joined()))
	m.Opening[31] ^= 1
	r.newEnds(r.seal(m), fault.Damaged)

	r = byCode(t)
	m = r.m2(r.toOld(r.joined()))
	m.Opening = nil
	r.newEnds(r.seal(m), fault.Malformed)

	r = byQR(t)
	m = r.m2(r.toOld(r.joined()))
	m.Opening = &[32]byte{}
	r.newEnds(r.seal(m), fault.Malformed)

	// What was committed to is another value from the start: the person would have to type digits that nobody shows.
	r = byCode(t)
	r.toNew(r.changedC1(func(m *linking.C1) { m.Commitment[0] ^= 1 }))
	c2, err := r.new.Join(device.Classical, start)
	if err != nil {
		t.Fatal(err)
	}
	r.newEnds(r.toOld(c2), fault.Damaged)
}

func TestNameplateIsCheckedWhereItComesIn(t *testing.T) {
	a := found(t, alice)
	for _, text := range []string{"", "471", "123456789", "47a1", "4711-", " 4711", "４７１１"} {
		o, err := link.OfferCode(text, a.phone.Record(), choices[0], start)
		if wantFault(t, err, fault.Malformed); o != nil {
			t.Error("an attempt beside the error")
		}
	}
	for _, text := range []string{"", "4711", "4711-12345678", "4711-1234567890"} {
		n, err := link.Enter(text, start)
		if wantFault(t, err, fault.Malformed); n != nil {
			t.Error("an attempt beside the error")
		}
	}
}

func TestCodeIsWhatTheOtherDeviceTakes(t *testing.T) {
	for _, plate := range []string{"0000", "4711", "12345678"} {
		o, err := link.OfferCode(plate, found(t, alice).phone.Record(), choices[0], start)
		if err != nil {
			t.Fatal(err)
		}
		n, err := link.Enter(o.Code(), start)
		if err != nil || n.Nameplate() != plate {
			t.Errorf("%q, %v", n.Nameplate(), err)
		}
		if _, known := n.Rendezvous(); known || n.User() != "" {
			t.Error("something is known before the first message")
		}
		if _, err := n.Receive(o.First(), start); err != nil {
			t.Fatal(err)
		}
		if id, known := n.Rendezvous(); !known || id != o.Rendezvous() || n.User() != alice {
			t.Error("another mailbox or user")
		}
		if o.QR() != nil {
			t.Error("a QR code, too")
		}
	}
}
