package linking_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/internal/wire"
)

func TestCodeIsReadAsPeopleTypeIt(t *testing.T) {
	for _, text := range []string{
		"4711-123456789", " 4711-123456789\n", "4711 - 123 456 789", "4711-123-456-789", "4 7 1 1-1 2 3-4 5 6-7 8 9", "4711-1--23456789", "4711\u2013123\u2014456\u2010789",
		"4711\u00a0-\u2003123456789",
	} {
		nameplate, secret, err := linking.ParseCodeText(text)
		if err != nil || nameplate != "4711" || secret != "123456789" {
			t.Errorf("%q: %q, %q, %v", text, nameplate, secret, err)
		}
	}
	for _, text := range []string{linking.CodeText("0000", "000000000"), linking.CodeText("12345678", "999999999")} {
		nameplate, secret, err := linking.ParseCodeText(text)
		if err != nil || linking.CodeText(nameplate, secret) != text {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestCodeThatIsNoneIsRefusedWithoutItsDigits(t *testing.T) {
	for _, text := range []string{
		"", "-", "4711", "4711-", "-123456789", "123456789", "471-123456789", "123456789-123456789", "4711-12345678", "4711-1234567890",
		"4711123456789", "4711--123456789", "4711-123456789-", "47-11-123456789", "4711_123456789", "4711\u2212123456789", "4711-12345678a",
		"４711-123456789", "4711-12345678٩", "+4711-123456789", "4711-+123456789", "4711.0-123456789", "4711-123456789\x00", "4711-1234\xff6789",
		"4711-123456789" + strings.Repeat(" ", 64),
	} {
		nameplate, secret, err := linking.ParseCodeText(text)
		wantFault(t, err, fault.Malformed)
		if nameplate != "" || secret != "" {
			t.Errorf("%q: %q, %q beside the error", text, nameplate, secret)
		}
		if err != nil && (strings.Contains(err.Error(), "1234") || strings.Contains(err.Error(), "4711")) {
			t.Errorf("the text shows digits: %v", err)
		}
	}
}

func TestTypedDigits(t *testing.T) {
	for _, text := range []string{"012345", " 012 345 ", "012-345", "0-1-2-3-4-5", "-012345-", "0\t12345", "012\u2013345"} {
		if digits, ok := linking.TypedDigits(text); !ok || digits != "012345" {
			t.Errorf("%q: %q, %t", text, digits, ok)
		}
	}
	for _, text := range []string{"", "12345", "1234567", "12345a", "１23456", "12345٦", "+12345", "1.2345", "12345\x00"} {
		if _, ok := linking.TypedDigits(text); ok {
			t.Errorf("%q: ok", text)
		}
	}
}

func c1() *linking.C1 {
	return &linking.C1{Rendezvous: [16]byte{1}, Share: [32]byte{2}, AD: linking.OldAD("alice", [32]byte{3}), Commitment: [32]byte{4}}
}

func encoded(t testing.TB, m interface{ Marshal() ([]byte, error) }) []byte {
	t.Helper()
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestC1HasOneForm(t *testing.T) {
	good := encoded(t, c1())
	m, err := linking.ParseC1(good)
	if err != nil || m.Rendezvous != [16]byte{1} || m.Share != [32]byte{2} || m.Commitment != [32]byte{4} {
		t.Fatalf("%+v, %v", m, err)
	}
	read := func(b []byte) error {
		_, err := linking.ParseC1(b)
		return err
	}
	refusesAll(t, broken(t, good), read)
	for value, want := range map[byte]fault.Code{0: fault.Malformed, 1: fault.Malformed, 3: fault.UnsupportedVersion, 23: fault.UnsupportedVersion} {
		b := bytes.Clone(good)
		b[2] = value
		wantFault(t, read(b), want)
	}
	wantFault(t, read([]byte{0xa2, 1, 3, 0x17, 0}), fault.UnsupportedVersion)
	wantFault(t, read([]byte{0xa2, 2, 3, 0x17, 0}), fault.Malformed)
	wantFault(t, read(unhex(t, "a2011b001fffffffffffff1700")), fault.UnsupportedVersion)
	wantFault(t, read(unhex(t, "a2011b00200000000000001700")), fault.Malformed)
	wantFault(t, read(append(good, make([]byte, linking.MaxMessage)...)), fault.OverLimit)
}

func TestC2HasOneForm(t *testing.T) {
	good := encoded(t, &linking.C2{Share: [32]byte{2}, AD: linking.NewAD(), Tag: [32]byte{4}})
	read := func(b []byte) error {
		_, err := linking.ParseC2(b)
		return err
	}
	if err := read(good); err != nil {
		t.Fatal(err)
	}
	refusesAll(t, broken(t, good), read)
	for _, ad := range [][]byte{nil, linking.OldAD("alice", [32]byte{}), wire.AppendBound(nil, wire.LabelLink), linking.CI("4711")} {
		wantFault(t, read(encoded(t, &linking.C2{AD: ad})), fault.Malformed)
	}
}

func TestAssociatedDataOfTheOldDeviceHasOneForm(t *testing.T) {
	for _, want := range []string{"a", "alice", strings.Repeat("ü", 64)} {
		user, cert, err := linking.ParseOldAD(linking.OldAD(want, [32]byte{3}))
		if err != nil || user != want || cert != [32]byte{3} {
			t.Errorf("%q, %x, %v", user, cert, err)
		}
	}
	good := linking.OldAD("alice", [32]byte{3})
	for i := range good {
		if _, _, err := linking.ParseOldAD(good[:i]); err == nil {
			t.Errorf("cut at %d", i)
		}
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			user, cert, err := linking.ParseOldAD(b)
			faulttest.FromInput(t, err)
			if err == nil && !bytes.Equal(linking.OldAD(user, cert), b) {
				t.Errorf("byte %d, bit %d", i, bit)
			}
		}
	}
	array := func(items ...[]byte) []byte {
		return append([]byte{0x80 | byte(len(items))}, bytes.Join(items, nil)...)
	}
	label, side, user := wire.AppendText(nil, wire.LabelLink), wire.AppendText(nil, "old"), wire.AppendText(nil, "alice")
	cert := wire.AppendBytes(nil, make([]byte, 32))
	if !bytes.Equal(array(label, side, user, cert), linking.OldAD("alice", [32]byte{})) {
		t.Fatal("the array is not what is changed below")
	}
	for name, b := range map[string][]byte{
		"another label":     array(wire.AppendText(nil, wire.LabelLinkKey), side, user, cert),
		"the other side":    array(label, wire.AppendText(nil, "new"), user, cert),
		"no user":           array(label, side, wire.AppendText(nil, ""), cert),
		"long user":         array(label, side, wire.AppendText(nil, strings.Repeat("a", 129)), cert),
		"control character": array(label, side, wire.AppendText(nil, "a\n"), cert),
		"user as bytes":     array(label, side, wire.AppendBytes(nil, []byte("alice")), cert),
		"short cert_id":     array(label, side, user, wire.AppendBytes(nil, make([]byte, 31))),
		"no cert_id":        array(label, side, user),
		"one more":          array(label, side, user, cert, cert),
		"the new device's":  linking.NewAD(),
	} {
		_, _, err := linking.ParseOldAD(b)
		if !errors.Is(err, fault.Malformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCodeText(f *testing.F) {
	f.Add("4711-123456789")
	f.Add(" 4711 - 123-456-789 ")
	f.Fuzz(func(t *testing.T, text string) {
		nameplate, secret, err := linking.ParseCodeText(text)
		faulttest.FromInput(t, err)
		if err != nil {
			return
		}
		if n, s, err := linking.ParseCodeText(linking.CodeText(nameplate, secret)); err != nil || n != nameplate || s != secret {
			t.Errorf("%q is read, and not what is shown", text)
		}
	})
}

func FuzzC1(f *testing.F) {
	b, _ := c1().Marshal()
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := linking.ParseC1(b)
		faulttest.FromInput(t, err)
		if err != nil {
			return
		}
		if again, err := m.Marshal(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is read, and not written", b)
		}
		_, _, err = linking.ParseOldAD(m.AD)
		faulttest.FromInput(t, err)
	})
}

func FuzzC2(f *testing.F) {
	b, _ := (&linking.C2{AD: linking.NewAD()}).Marshal()
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := linking.ParseC2(b)
		faulttest.FromInput(t, err)
		if err != nil {
			return
		}
		if again, err := m.Marshal(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is read, and not written", b)
		}
	})
}
