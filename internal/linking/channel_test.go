package linking_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/internal/wire"
)

// Nothing of what both sides hold is left out: whatever differs makes another channel.
func TestEveryPartOfTheChannelCounts(t *testing.T) {
	a, b := ecdh.Generate(), ecdh.Generate()
	rendezvous, passphrase, th := [16]byte{1}, []byte("passphrase"), [32]byte{9}
	good, err := linking.ByQR(rendezvous, passphrase, a, b.Public(), th)
	if err != nil {
		t.Fatal(err)
	}
	tag, digits, sealed := parts(t, good)
	for name, make := range map[string]func() (*linking.Channel, error){
		"rendezvous": func() (*linking.Channel, error) { return linking.ByQR([16]byte{2}, passphrase, a, b.Public(), th) },
		"passphrase": func() (*linking.Channel, error) {
			return linking.ByQR(rendezvous, []byte("passphrasf"), a, b.Public(), th)
		},
		"key": func() (*linking.Channel, error) {
			return linking.ByQR(rendezvous, passphrase, a, ecdh.Generate().Public(), th)
		},
		"transcript": func() (*linking.Channel, error) {
			return linking.ByQR(rendezvous, passphrase, a, b.Public(), [32]byte{8})
		},
		"mode": func() (*linking.Channel, error) { return linking.ByCode(rendezvous, passphrase, th) },
	} {
		other, err := make()
		if err != nil {
			t.Fatal(err)
		}
		otherTag, otherDigits, otherSealed := parts(t, other)
		if otherTag == tag || otherDigits == digits || bytes.Equal(otherSealed, sealed) {
			t.Errorf("another %s makes the same", name)
		}
		wantFault(t, other.Open(sealed, &linking.M7{}), fault.Damaged)
	}
	// And the same from the other side.
	peer, err := linking.ByQR(rendezvous, passphrase, b, a.Public(), th)
	if err != nil {
		t.Fatal(err)
	}
	if peerTag, peerDigits, peerSealed := parts(t, peer); peerTag != tag || peerDigits != digits || !bytes.Equal(peerSealed, sealed) {
		t.Error("both sides make different things of the same")
	}
}

func parts(t testing.TB, c *linking.Channel) (tag [32]byte, digits string, sealed []byte) {
	t.Helper()
	tag, err1 := c.Tag(linking.Old)
	digits, err2 := c.Digits(nil)
	sealed, err3 := c.Seal(&linking.M7{})
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	return tag, digits, sealed
}

func TestEachSideHasItsTag(t *testing.T) {
	c, _ := channels(t)
	old, err1 := c.Tag(linking.Old)
	young, err2 := c.Tag(linking.New)
	if err1 != nil || err2 != nil || old == young {
		t.Error("the same tag", err1, err2)
	}
}

func TestOpeningCountsInTheDigits(t *testing.T) {
	c, _ := channels(t)
	seen := map[string]bool{}
	for _, opening := range []*[32]byte{nil, {}, {1}, {31: 1}} {
		digits, err := c.Digits(opening)
		if err != nil || len(digits) != 6 || strings.Trim(digits, "0123456789") != "" {
			t.Errorf("%q, %v", digits, err)
		}
		seen[digits] = true
	}
	if len(seen) != 4 {
		t.Error("the same digits") // once in 10^5 runs by chance
	}
}

func TestEveryPartOfATranscriptCounts(t *testing.T) {
	qr, key := []byte("QR"), [32]byte{1}
	first := linking.TranscriptByQR(qr, key)
	if first == linking.TranscriptByQR([]byte("QS"), key) || first == linking.TranscriptByQR(qr, [32]byte{2}) {
		t.Error("the same transcript of another QR code or key")
	}
	type all struct {
		rendezvous         [16]byte
		ci, oldAD          []byte
		oldShare, newShare [32]byte
		newAD              []byte
	}
	seen := map[[32]byte]bool{}
	changes := []func(a *all){
		func(*all) {},
		func(a *all) { a.rendezvous[15] ^= 1 },
		func(a *all) { a.ci = []byte("cj") },
		func(a *all) { a.oldAD = []byte("oldae") },
		func(a *all) { a.newAD = []byte("newae") },
		func(a *all) { a.oldShare[0] ^= 1 },
		func(a *all) { a.newShare[31] ^= 1 },
		func(a *all) { a.oldShare, a.newShare = a.newShare, a.oldShare },
		func(a *all) { a.oldAD, a.newAD = a.newAD, a.oldAD },
		func(a *all) { a.ci, a.oldAD = []byte("cio"), []byte("ldad") },
	}
	for _, change := range changes {
		a := all{[16]byte{1}, []byte("ci"), []byte("oldad"), [32]byte{2}, [32]byte{3}, []byte("newad")}
		change(&a)
		seen[linking.TranscriptByCode(a.rendezvous, a.ci, a.oldAD, a.oldShare, a.newAD, a.newShare)] = true
	}
	if len(seen) != len(changes) {
		t.Errorf("%d transcripts of %d", len(seen), len(changes))
	}
}

// encrypt0 is a message with given headers, sealed with the right key and IV for the new device's first place. Its
// external_aad is right, too.
func encrypt0(t testing.TB, c *linking.Channel, protected, unprotected []byte) []byte {
	t.Helper()
	good, err := c.SealAt(linking.ToOld, 0, []byte{0xa0})
	if err != nil {
		t.Fatal(err)
	}
	r := wire.NewReader(good)
	r.Tag("tag")
	r.Array("array", 3)
	r.Bytes("protected", 100)
	r.Raw("unprotected")
	ciphertext := r.Bytes("ciphertext", 100)
	b := wire.AppendBytes([]byte{0xd0, 0x83}, protected)
	return wire.AppendBytes(append(b, unprotected...), ciphertext)
}

func TestSealedMessageHasOneForm(t *testing.T) {
	c, _ := channels(t)
	typ := func(label string) string { return fmt.Sprintf("10%x", wire.AppendText(nil, label)) }
	headers := "a301030641" + "00" + typ(wire.LabelLink)
	good := encrypt0(t, c, unhex(t, headers), []byte{0xa0})
	if b, err := c.OpenAt(linking.ToOld, 0, good); err != nil || !bytes.Equal(b, []byte{0xa0}) {
		t.Fatal(err)
	}
	iv := unhex(t, "a1054c000000000000000000000000")
	type header struct {
		name        string
		protected   string
		unprotected []byte
		want        fault.Code
	}
	cases := []header{
		{"no protected header", "", []byte{0xa0}, fault.Malformed},
		{"empty protected header", "a0", []byte{0xa0}, fault.Malformed},
		{"another algorithm", "a301010641" + "00" + typ(wire.LabelLink), []byte{0xa0}, fault.Malformed},
		{"no algorithm", "a20641" + "00" + typ(wire.LabelLink), []byte{0xa0}, fault.Malformed},
		{"no number", "a20103" + typ(wire.LabelLink), []byte{0xa0}, fault.Malformed},
		{"empty number", "a3010306" + "40" + typ(wire.LabelLink), []byte{0xa0}, fault.Malformed},
		{"number of two bytes", "a301030642" + "0000" + typ(wire.LabelLink), []byte{0xa0}, fault.Malformed}, // seq-non-minimal
		{"number as integer", "a3010306" + "00" + typ(wire.LabelLink), []byte{0xa0}, fault.Malformed},
		{"number as IV", "a30103054100" + typ(wire.LabelLink), []byte{0xa0}, fault.Malformed},
		{"another number", "a301030641" + "01" + typ(wire.LabelLink), []byte{0xa0}, fault.Damaged},
		{"no typ", "a201030641" + "00", []byte{0xa0}, fault.Malformed},
		{"typ of a newer version", "a301030641" + "00" + typ("sotto/v2.link"), []byte{0xa0}, fault.UnsupportedVersion},
		{"a kid more", "a401030441000641" + "00" + typ(wire.LabelLink), []byte{0xa0}, fault.Malformed},
		{"headers in another order", "a3" + typ(wire.LabelLink) + "010306" + "4100", []byte{0xa0}, fault.Malformed},
		{"a label twice", "a4010301030641" + "00" + typ(wire.LabelLink), []byte{0xa0}, fault.Malformed},
		{"long integer", "a30118030641" + "00" + typ(wire.LabelLink), []byte{0xa0}, fault.Malformed},
		{"an IV", headers, iv, fault.Malformed},
		{"a kid outside", headers, unhex(t, "a1044100"), fault.Malformed},
		{"an indefinite map", headers, unhex(t, "bfff"), fault.Malformed},
		{"a null", headers, []byte{wire.Null}, fault.Malformed},
	}
	for _, label := range []string{wire.LabelLinkKey, wire.LabelMessage, wire.LabelEnvelope, wire.LabelSAS, "x/y"} {
		cases = append(cases, header{"typ " + label, "a301030641" + "00" + typ(label), []byte{0xa0}, fault.Malformed})
	}
	for _, h := range cases {
		t.Run(h.name, func(t *testing.T) {
			b, err := c.OpenAt(linking.ToOld, 0, encrypt0(t, c, unhex(t, h.protected), h.unprotected))
			if wantFault(t, err, h.want); b != nil {
				t.Error("content beside the error")
			}
		})
	}
	for name, b := range map[string][]byte{
		"no tag": good[1:], "another tag": append([]byte{0xd2}, good[1:]...), "trailing byte": append(slices.Clone(good), 0),
		"two elements": append([]byte{0xd0, 0x82}, good[2:]...), "null": append(slices.Clone(good[:len(good)-18]), wire.Null), "nothing": nil,
	} {
		_, err := c.OpenAt(linking.ToOld, 0, b)
		if fault.Of(err) != fault.Malformed {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := c.OpenAt(linking.ToOld, 0, make([]byte, linking.MaxMessage+1))
	wantFault(t, err, fault.OverLimit)
}

func TestEveryChangedBitOfASealedMessageIsRefused(t *testing.T) {
	old, young := channels(t)
	good, err := old.Seal(&linking.M3{User: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		if err := young.Open(good[:i], &linking.M3{}); err == nil {
			t.Errorf("cut at %d", i)
		}
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			if err := young.Open(b, &linking.M3{}); err == nil {
				t.Errorf("byte %d, bit %d", i, bit)
			} else {
				faulttest.FromInput(t, err)
			}
		}
	}
}

func TestMessageOpensInItsPlaceOnly(t *testing.T) {
	c, _ := channels(t)
	for _, to := range []linking.Direction{linking.ToNew, linking.ToOld} {
		for seq := range byte(4) {
			sealed, err := c.SealAt(to, seq, []byte{0xa0})
			if err != nil {
				t.Fatal(err)
			}
			for _, other := range []linking.Direction{linking.ToNew, linking.ToOld} {
				for place := range byte(4) {
					b, err := c.OpenAt(other, place, sealed)
					if here := other == to && place == seq; here && err != nil || !here && (fault.Of(err) != fault.Damaged || b != nil) {
						t.Errorf("%s %d opened as %s %d: %v", to, seq, other, place, err)
					}
				}
			}
		}
	}
}

// A place that the header names and one that counts in the IV: changing the number in both places is not enough.
func TestNumberCountsInTheIV(t *testing.T) {
	c, _ := channels(t)
	first, err1 := c.SealAt(linking.ToOld, 0, []byte{0xa0})
	second, err2 := c.SealAt(linking.ToOld, 1, []byte{0xa0})
	if err1 != nil || err2 != nil || bytes.Equal(first[len(first)-17:len(first)-16], second[len(second)-17:len(second)-16]) {
		t.Error("one key stream for two messages", err1, err2)
	}
}

func TestDestroyedChannelDoesNothing(t *testing.T) {
	c, _ := channels(t)
	sealed, err := c.Seal(&linking.M7{})
	if err != nil {
		t.Fatal(err)
	}
	c.Destroy()
	c.Destroy()
	for _, c := range []*linking.Channel{c, {}} {
		_, err1 := c.Tag(linking.Old)
		_, err2 := c.Digits(nil)
		_, err3 := c.Seal(&linking.M7{})
		for _, err := range []error{err1, err2, err3, c.Open(sealed, &linking.M7{})} {
			wantFault(t, err, fault.DestroyedKey)
		}
	}
	(*linking.Channel)(nil).Destroy()
}

func TestNothingSecretIsPrinted(t *testing.T) {
	c, _ := channels(t)
	q, s := newQR(), linking.NewOldSeed()
	q.Passphrase = [32]byte(bytes.Repeat([]byte{0xc5}, 32))
	s.Passphrase, s.Opening = q.Passphrase, q.Passphrase
	for _, v := range []any{c, q, *q, s, *s, linking.NewNewSeed()} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, "197") || strings.Contains(out, "c5") || strings.Contains(out, s.Secret) {
				t.Errorf("%s of %T: %s", verb, v, out)
			}
		}
	}
}

func TestSeedsAreDrawn(t *testing.T) {
	a, b := linking.NewOldSeed(), linking.NewOldSeed()
	if a.Rendezvous == b.Rendezvous || a.Passphrase == b.Passphrase || a.Opening == b.Opening || a.Key.Equal(b.Key) || a.Secret == b.Secret {
		t.Error("two seeds are alike") // once in 10^9 runs by chance
	}
	if a.Passphrase == a.Opening {
		t.Error("one value for two things")
	}
	if len(a.Secret) != 9 || strings.Trim(a.Secret, "0123456789") != "" {
		t.Errorf("secret of %d bytes", len(a.Secret))
	}
	if a.Wipe(); a.Passphrase != [32]byte{} || a.Opening != [32]byte{} || a.Secret != "" {
		t.Error("something is left")
	}
	if linking.NewNewSeed().Key.Equal(linking.NewNewSeed().Key) {
		t.Error("two seeds are alike")
	}
}

func FuzzSealed(f *testing.F) {
	_, young := channels(f)
	good, err := young.Seal(&linking.M7{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, _ := channels(t)
		if err := c.Open(b, &linking.M7{}); err == nil {
			t.Errorf("%x opens with a key that nobody has", b)
		} else {
			faulttest.FromInput(t, err)
		}
	})
}
