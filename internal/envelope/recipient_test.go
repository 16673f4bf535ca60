package envelope_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/wire"
)

// What is not a key ID, a public half or a wrapped key is the same in every recipient of a suite.
func TestRecipientOfAnotherFormIsRefused(t *testing.T) {
	for _, f := range readVectors(t).scenes(t) {
		good := f.recipients[0]
		free := func(i int) bool {
			return i >= f.keyID && i < f.keyID+16 || i >= f.public && i < f.public+f.publicSize || i >= f.wrapped
		}
		second := slices.Clone(good)
		second[f.keyID] ^= 1
		for i := range good {
			for _, at := range []int{0, 1} {
				b := f.change(func(f *forged) {
					f.recipients = [][]byte{slices.Clone(good), slices.Clone(second)}
					f.recipients[at][i] ^= 0x10
				})
				_, err := envelope.Parse(b)
				if free(i) && err != nil {
					t.Errorf("suite %d: byte %d of recipient %d: %v", f.suite, i, at, err)
				}
				if !free(i) {
					wantFault(t, err, fault.Malformed)
				}
			}
		}
	}
}

func TestOnlyTheRecipientUnwraps(t *testing.T) {
	v := readVectors(t)
	for i, whole := range []*envelope.Envelope{parse(t, v.Session.Envelope), parse(t, v.Suite2.Envelope)} {
		f := v.scenes(t)[i]
		d, twin := *f.reader, *f.twin
		with := func(how func(d *envelope.Private)) envelope.Private {
			d := d
			how(&d)
			return d
		}
		for name, c := range map[string]struct {
			e    *envelope.Envelope
			key  envelope.Private
			want fault.Code
		}{
			"no recipient":             {parse(t, f.bytes()), twin, fault.NotForThisDevice},
			"key of a twin":            {whole, with(func(d *envelope.Private) { d.Key, d.Hybrid = twin.Key, twin.Hybrid }), fault.Damaged},
			"recipient of a twin":      {whole, with(func(d *envelope.Private) { d.KeyID = twin.KeyID }), fault.Damaged},
			"record of a twin":         {whole, with(func(d *envelope.Private) { d.Cert = twin.Cert }), fault.Damaged},
			"another public half":      {f.changed(t, f.public, make([]byte, 10)), d, fault.Damaged},
			"integrity of wrapped key": {f.changed(t, f.wrapped, make([]byte, 8)), d, fault.Damaged},
			"tag of wrapped key":       {f.changed(t, len(f.recipients[0])-8, make([]byte, 8)), d, fault.Damaged},
			"in another session":       {f.inSession(t, make([]byte, 32)), d, fault.Damaged},
			"another key ID in place": {
				f.changed(t, f.keyID, twin.KeyID[:]), with(func(d *envelope.Private) { d.KeyID = twin.KeyID }), fault.Damaged,
			},
		} {
			t.Run(fmt.Sprintf("suite %d: %s", f.suite, name), func(t *testing.T) {
				cek, err := c.e.Unwrap(&c.key)
				wantFault(t, err, c.want)
				if cek != nil {
					t.Error("a content key beside the error")
				}
				if want := c.want != fault.NotForThisDevice; c.e.IsFor(c.key.KeyID) != want {
					t.Errorf("is for that key: %t", !want)
				}
			})
		}
		_, err := parse(t, f.bytes()).Strip(twin.KeyID)
		wantFault(t, err, fault.NotForThisDevice)
		d.Key.Destroy()
		if d.Hybrid != nil {
			d.Hybrid.Destroy()
		}
		_, err = whole.Unwrap(&d)
		wantFault(t, err, fault.DestroyedKey)
	}
}

// An X25519 half that gives the all-zero secret is nobody's, in the ephemeral key of suite 1 and behind the ML-KEM
// ciphertext of suite 2.
func TestPublicHalfOfLowOrderIsRefused(t *testing.T) {
	points := []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	}
	for _, f := range readVectors(t).scenes(t) {
		for _, p := range points {
			for _, top := range []byte{0, 0x80} {
				point, err := hex.DecodeString(p)
				if err != nil {
					t.Fatal(err)
				}
				point[31] |= top
				cek, err := f.changed(t, f.public+f.publicSize-32, point).Unwrap(f.reader)
				wantFault(t, err, fault.Malformed)
				if cek != nil {
					t.Error("a content key beside the error")
				}
			}
		}
	}
}

// A sender who names a key of suite 1 in an envelope of suite 2 is at fault, not the device that has no other.
func TestKeyOfSuite1IsNoRecipientOfSuite2(t *testing.T) {
	f := readVectors(t).scenes(t)[1]
	f.reader.Hybrid = nil
	_, err := open(f.bytes(), f.reader)
	wantFault(t, err, fault.Malformed)
}

func TestSealIsLimited(t *testing.T) {
	v := readVectors(t)
	s := parseSigned(t, v.Session.Statement)
	key := ecdh.Generate()
	for _, n := range []int{0, envelope.MaxRecipients + 1} {
		_, err := envelope.Seal(s, v.Session.Statement, v.Session.R, key, make([]envelope.Recipient, n))
		wantFault(t, err, fault.OverLimit)
	}
	for suite, want := range map[uint64]fault.Code{0: fault.Misuse, 1: fault.Malformed, 2: fault.Misuse, 3: fault.Misuse} {
		s.Suite = suite
		bad := []envelope.Recipient{v.recipient(t, "carol/phone"), {Key: new(ecdh.PublicKey)}, v.recipient(t, "dave/phone")}
		b, err := envelope.Seal(s, v.Session.Statement, v.Session.R, key, bad)
		wantFault(t, err, want)
		if b != nil {
			t.Error("an envelope beside the error")
		}
	}
	s.Suite = 1
	key.Destroy()
	for _, key := range []*ecdh.PrivateKey{key, nil} {
		_, err := envelope.Seal(s, v.Session.Statement, v.Session.R, key, []envelope.Recipient{v.recipient(t, "bob/phone")})
		wantFault(t, err, fault.DestroyedKey)
	}
}

// Every recipient gets the same content key, however many there are and whichever core writes them.
func TestEveryRecipientOfManyOpens(t *testing.T) {
	v := readVectors(t)
	for suite, statement := range map[uint64]octets{1: v.Session.Statement, 2: v.Suite2.Statement} {
		s := parseSigned(t, statement)
		for _, n := range []int{1, 2, 3, 5, 64} {
			keys := make([]*envelope.Private, n)
			to := make([]envelope.Recipient, n)
			for i := range to {
				keys[i] = &envelope.Private{
					KeyID: [16]byte{byte(i)}, Cert: [32]byte{byte(i), 1}, Key: ecdh.Generate(), Hybrid: ecdh.GenerateHybrid(),
				}
				to[i] = recipientOf(keys[i])
			}
			b, err := envelope.Seal(s, statement, v.Session.R, ecdh.Generate(), to)
			if err != nil || parse(t, b).Suite != suite {
				t.Fatalf("not of suite %d: %v", suite, err)
			}
			for i := range to {
				got, err := open(b, keys[i])
				if err != nil || !bytes.Equal(got, statement) {
					t.Errorf("suite %d, recipient %d of %d: %v", suite, i, n, err)
				}
			}
			if strings.Count(string(b), string(s.Secret)) != 0 {
				t.Error("the secret is in the envelope")
			}
		}
	}
}

// In suite 2 no two recipients share anything, and neither do two envelopes for one.
func TestEncapsulationsAreTheirOwn(t *testing.T) {
	v := readVectors(t)
	s := parseSigned(t, v.Suite2.Statement)
	seen := map[string]bool{}
	carol := v.recipient(t, "carol/phone")
	for range 4 {
		same := carol
		same.KeyID[0] ^= 1
		b, err := envelope.Seal(s, v.Suite2.Statement, v.Session.R, nil, []envelope.Recipient{carol, same})
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int{len(b) - 2*1202, len(b) - 1202} {
			seen[string(b[at+32:at+1152])] = true
			seen[string(b[at+1154:at+1202])] = true
		}
	}
	if len(seen) != 16 {
		t.Errorf("%d of 16 are their own", len(seen))
	}
}

// changed is the envelope with other bytes at some place of its recipient.
func (s *scene) changed(t *testing.T, at int, b []byte) *envelope.Envelope {
	t.Helper()
	return parse(t, s.change(func(f *forged) {
		f.recipients = [][]byte{slices.Clone(f.recipients[0])}
		copy(f.recipients[0][at:], b)
	}))
}

// inSession is the envelope under the name of another session.
func (s *scene) inSession(t *testing.T, id []byte) *envelope.Envelope {
	t.Helper()
	return parse(t, s.change(func(f *forged) {
		f.protected = header([]byte{1, 3}, wire.AppendBytes([]byte{4}, id), wire.AppendText([]byte{16}, wire.LabelEnvelope))
		f.aad = wire.AppendBound(nil, wire.LabelEnvelope, id)
	}))
}
