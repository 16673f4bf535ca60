package envelope_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/pad"
	"github.com/sottokit/sotto/internal/wire"
)

var wantFault = faulttest.Want

// otherLabels are what stands at the same length and place elsewhere, and a few that do not.
var otherLabels = []string{
	wire.LabelSession, wire.LabelSessionID, wire.LabelCEK, wire.LabelRecipient, wire.LabelContent, wire.LabelMessage,
	wire.LabelMessageKey, wire.LabelConversation, wire.LabelRoster, wire.LabelDevice, wire.LabelDeviceKey, wire.LabelDeviceLog,
	wire.LabelRegistration, wire.LabelSessionRequest, wire.LabelSealed, "sotto/v0.envelope", "sotto/v1.envelopf", "",
}

// header is the protected header of these parameters, in any order.
func header(params ...[]byte) []byte {
	return append([]byte{wire.MajorMap | byte(len(params))}, bytes.Join(params, nil)...)
}

func TestEveryOtherFormIsRefused(t *testing.T) {
	v := readVectors(t)
	f := v.forge(t)
	sid := wire.AppendBytes([]byte{4}, v.Session.ID)
	alg, typ := []byte{1, 3}, wire.AppendText([]byte{16}, wire.LabelEnvelope)
	protected := func(p []byte) []byte { return f.change(func(f *forged) { f.protected = p }) }
	unprotected := func(u []byte) []byte { return f.change(func(f *forged) { f.unprotected = u }) }
	recipients := func(r ...[]byte) []byte { return f.change(func(f *forged) { f.recipients = r }) }
	recipient := f.recipients[0]
	other := slices.Clone(recipient)
	other[9] ^= 1 // another key ID
	iv := f.unprotected[2:]

	suite2 := v.scenes(t)[1].recipients[0]
	cases := map[string][]byte{
		"suite-mixed":                recipients(recipient, suite2),
		"suite-mixed, suite 2 first": recipients(suite2, recipient),
		"no tag":                     f.change(func(f *forged) { f.head = []byte{0x84} }),
		"tag of COSE_Encrypt0":       f.change(func(f *forged) { f.head = []byte{0xd0, 0x84} }),
		"tag in a longer form":       f.change(func(f *forged) { f.head = []byte{0xd9, 0, coseimpl.TagEncrypt, 0x84} }),
		"array of three":             f.change(func(f *forged) { f.head = []byte{0xd8, coseimpl.TagEncrypt, 0x83} }),
		"array of five":              append(f.change(func(f *forged) { f.head = []byte{0xd8, coseimpl.TagEncrypt, 0x85} }), 0xf6),
		"indefinite array":           append(f.change(func(f *forged) { f.head = []byte{0xd8, coseimpl.TagEncrypt, 0x9f} }), 0xff),
		"another algorithm":          protected(header([]byte{1, 1}, sid, typ)),
		"no algorithm":               protected(header(sid, typ)),
		"no session":                 protected(header(alg, typ)),
		"session too short":          protected(header(alg, wire.AppendBytes([]byte{4}, v.Session.ID[:31]), typ)),
		"session too long":           protected(header(alg, wire.AppendBytes([]byte{4}, append(slices.Clone(v.Session.ID), 0)), typ)),
		"session null":               protected(header(alg, []byte{4, wire.Null}, typ)),
		"no typ":                     protected(header(alg, sid)),
		"header parameter too many":  protected(header(alg, sid, typ, []byte{0x18, 99, 0})),
		"keys out of order":          protected(header(sid, alg, typ)),
		"key twice":                  protected(header(alg, alg, sid, typ)),
		"long integer":               protected(header([]byte{1, 0x18, 3}, sid, typ)),
		"float":                      protected(header([]byte{1, 0xf9, 0x42, 0}, sid, typ)),
		"bytes after the header":     protected(append(slices.Clone(f.protected), 0)),
		"empty header":               protected(nil),
		"IV missing":                 unprotected([]byte{0xa0}),
		"IV too short":               unprotected(append([]byte{0xa1, 5}, wire.AppendBytes(nil, f.iv[:11])...)),
		"IV too long":                unprotected(append([]byte{0xa1, 5}, wire.AppendBytes(nil, append(slices.Clone(f.iv), 0))...)),
		"IV null":                    unprotected([]byte{0xa1, 5, wire.Null}),
		"partial IV":                 unprotected(append([]byte{0xa1, 6}, iv...)),
		"parameter beside the IV":    unprotected(append(append([]byte{0xa2, 5}, iv...), 0x18, 99, 0)),
		"ciphertext null":            append(append(f.front(), wire.Null), f.back()...),
		"ciphertext as text":         append(append(f.front(), wire.AppendText(nil, "sealed")...), f.back()...),
		"no ciphertext":              append(f.front(), f.back()...),
		"recipients null":            append(append(f.front(), wire.AppendBytes(nil, f.ciphertext())...), wire.Null),
		"no recipients":              recipients(),
		"recipient twice":            recipients(recipient, recipient),
		"recipient too short":        recipients(recipient[:107]),
		"recipient too long":         recipients(append(slices.Clone(recipient), 0)),
		"two lengths that add up":    recipients(recipient[:107], append(slices.Clone(other), 0)),
		"a byte after the last one":  append(f.bytes(), 0),
		"fewer recipients than said": append(append(f.front(), wire.AppendBytes(nil, f.ciphertext())...),
			append([]byte{0x82}, recipient...)...),
		"more recipients than said": append(append(f.front(), wire.AppendBytes(nil, f.ciphertext())...),
			append(append([]byte{0x81}, recipient...), other...)...),
		"recipients in a longer form": append(append(f.front(), wire.AppendBytes(nil, f.ciphertext())...),
			append([]byte{0x98, 1}, recipient...)...),
		"nothing": {},
	}
	for _, label := range otherLabels {
		cases["typ "+label] = f.change(func(f *forged) { f.protected = header(alg, sid, wire.AppendText([]byte{16}, label)) })
	}
	for name, b := range cases {
		t.Run(name, func(t *testing.T) {
			e, err := envelope.Parse(b)
			wantFault(t, err, fault.Malformed)
			if e != nil {
				t.Error("an envelope beside the error")
			}
		})
	}
}

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

func TestNewerVersionIsTold(t *testing.T) {
	v := readVectors(t)
	f := v.forge(t)
	sid, alg := wire.AppendBytes([]byte{4}, v.Session.ID), []byte{1, 3}
	for name, p := range map[string][]byte{
		"the same parameters": header(alg, sid, wire.AppendText([]byte{16}, "sotto/v2.envelope")),
		"other parameters":    header(alg, wire.AppendText([]byte{16}, "sotto/v17.envelope"), []byte{0x18, 99, 0}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := envelope.Parse(f.change(func(f *forged) { f.protected = p }))
			wantFault(t, err, fault.UnsupportedVersion)
		})
	}
}

func TestLimitsAreCheckedFirst(t *testing.T) {
	v := readVectors(t)
	for _, f := range v.scenes(t) {
		f.padded = make([]byte, pad.Size(envelope.MaxStatement))
		if e := parse(t, f.many(envelope.MaxRecipients)); len(e.KeyIDs()) != envelope.MaxRecipients {
			t.Error("recipients are missing")
		}
		_, err := envelope.Parse(f.many(envelope.MaxRecipients + 1))
		wantFault(t, err, fault.OverLimit)
	}
	f := v.forge(t)
	_, err := envelope.Parse(append(f.bytes(), make([]byte, envelope.MaxSize)...))
	wantFault(t, err, fault.OverLimit)
	_, err = envelope.Parse(f.with(make([]byte, pad.Size(envelope.MaxStatement)+17)))
	wantFault(t, err, fault.OverLimit)
	claims := append(f.front(), 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) // a length, and nothing behind it
	_, err = envelope.Parse(claims)
	wantFault(t, err, fault.Malformed)
}

// many is the envelope for n recipients. What is sealed to them is of no use.
func (s *scene) many(n int) []byte {
	return s.change(func(f *forged) {
		one := f.recipients[0]
		f.recipients = make([][]byte, n)
		for i := range f.recipients {
			f.recipients[i] = slices.Clone(one)
			binary.BigEndian.PutUint32(f.recipients[i][s.keyID:], uint32(i))
		}
	})
}

// Bytes that are cut or changed anywhere never open, and no byte string but the one that was sealed does.
func TestNoAlteredByteOpens(t *testing.T) {
	for _, f := range readVectors(t).scenes(t) {
		good := f.bytes()
		if _, err := open(good, f.reader); err != nil {
			t.Fatal(err)
		}
		top := len(good) - len(f.recipients[0]) + f.public + f.publicSize - 1
		for i := range good {
			for _, bit := range []byte{1, 0x80} {
				b := slices.Clone(good)
				b[i] ^= bit
				statement, err := open(b, f.reader)
				ignored := f.suite == 1 && i == top && bit == 0x80 // X25519 ignores it; X-Wing hashes its ciphertext
				if err == nil && !ignored {
					t.Errorf("suite %d, byte %d of %d: opened", f.suite, i, len(good))
				}
				faulttest.FromInput(t, err)
				if err != nil && statement != nil {
					t.Error("a statement beside the error")
				}
			}
		}
		for n := range good {
			if _, err := open(good[:n], f.reader); fault.Of(err) != fault.Malformed {
				t.Errorf("suite %d, cut to %d bytes: %v", f.suite, n, err)
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

func TestContentOpensInItsPlaceAlone(t *testing.T) {
	v := readVectors(t)
	f := v.forge(t)
	statement := v.Session.Statement
	otherID := slices.Clone(v.Session.ID)
	otherID[0] ^= 1
	nonzero := pad.Append(nil, statement)
	nonzero[len(nonzero)-1] = 1
	for name, c := range map[string]struct {
		how  func(f *forged)
		want fault.Code
	}{
		"another content key":      {func(f *forged) { f.cek = make([]byte, 32) }, fault.Damaged},
		"another IV":               {func(f *forged) { f.iv = make([]byte, 12) }, fault.Damaged},
		"bound to another session": {func(f *forged) { f.aad = wire.AppendBound(nil, wire.LabelEnvelope, otherID) }, fault.Damaged},
		"bound to another label":   {func(f *forged) { f.aad = wire.AppendBound(nil, wire.LabelSession, v.Session.ID) }, fault.Damaged},
		"no external_aad":          {func(f *forged) { f.aad = nil }, fault.Damaged},
		"padding-short":            {func(f *forged) { f.padded = f.padded[:len(f.padded)-1] }, fault.Malformed},
		"padding-long":             {func(f *forged) { f.padded = append(slices.Clone(f.padded), make([]byte, 64)...) }, fault.Malformed},
		"padding-nonzero":          {func(f *forged) { f.padded = nonzero }, fault.Malformed},
		"no padding":               {func(f *forged) { f.padded = statement }, fault.Malformed},
		"no plaintext":             {func(f *forged) { f.padded = nil }, fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := open(f.change(c.how), f.reader)
			wantFault(t, err, c.want)
			if got != nil {
				t.Error("a statement beside the error")
			}
		})
	}
	_, err := open(f.with(make([]byte, 15)), f.reader) // shorter than a tag
	wantFault(t, err, fault.Damaged)
	_, err = parse(t, f.bytes()).Open(make([]byte, 31))
	wantFault(t, err, fault.Misuse)
}

func TestSessionIDNeedsAPayload(t *testing.T) {
	for n := range 36 {
		_, err := envelope.SessionID(make([]byte, n), [32]byte{})
		wantFault(t, err, fault.Malformed)
	}
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
