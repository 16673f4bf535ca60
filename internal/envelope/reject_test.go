package envelope_test

import (
	"bytes"
	"encoding/binary"
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

	cases := map[string][]byte{
		"no tag":                    f.change(func(f *forged) { f.head = []byte{0x84} }),
		"tag of COSE_Encrypt0":      f.change(func(f *forged) { f.head = []byte{0xd0, 0x84} }),
		"tag in a longer form":      f.change(func(f *forged) { f.head = []byte{0xd9, 0, coseimpl.TagEncrypt, 0x84} }),
		"array of three":            f.change(func(f *forged) { f.head = []byte{0xd8, coseimpl.TagEncrypt, 0x83} }),
		"array of five":             append(f.change(func(f *forged) { f.head = []byte{0xd8, coseimpl.TagEncrypt, 0x85} }), 0xf6),
		"indefinite array":          append(f.change(func(f *forged) { f.head = []byte{0xd8, coseimpl.TagEncrypt, 0x9f} }), 0xff),
		"another algorithm":         protected(header([]byte{1, 1}, sid, typ)),
		"no algorithm":              protected(header(sid, typ)),
		"no session":                protected(header(alg, typ)),
		"session too short":         protected(header(alg, wire.AppendBytes([]byte{4}, v.Session.ID[:31]), typ)),
		"session too long":          protected(header(alg, wire.AppendBytes([]byte{4}, append(slices.Clone(v.Session.ID), 0)), typ)),
		"session null":              protected(header(alg, []byte{4, wire.Null}, typ)),
		"no typ":                    protected(header(alg, sid)),
		"header parameter too many": protected(header(alg, sid, typ, []byte{0x18, 99, 0})),
		"keys out of order":         protected(header(sid, alg, typ)),
		"key twice":                 protected(header(alg, alg, sid, typ)),
		"long integer":              protected(header([]byte{1, 0x18, 3}, sid, typ)),
		"float":                     protected(header([]byte{1, 0xf9, 0x42, 0}, sid, typ)),
		"bytes after the header":    protected(append(slices.Clone(f.protected), 0)),
		"empty header":              protected(nil),
		"IV missing":                unprotected([]byte{0xa0}),
		"IV too short":              unprotected(append([]byte{0xa1, 5}, wire.AppendBytes(nil, f.iv[:11])...)),
		"IV too long":               unprotected(append([]byte{0xa1, 5}, wire.AppendBytes(nil, append(slices.Clone(f.iv), 0))...)),
		"IV null":                   unprotected([]byte{0xa1, 5, wire.Null}),
		"partial IV":                unprotected(append([]byte{0xa1, 6}, iv...)),
		"parameter beside the IV":   unprotected(append(append([]byte{0xa2, 5}, iv...), 0x18, 99, 0)),
		"ciphertext null":           append(append(f.front(), wire.Null), f.back()...),
		"ciphertext as text":        append(append(f.front(), wire.AppendText(nil, "sealed")...), f.back()...),
		"no ciphertext":             append(f.front(), f.back()...),
		"recipients null":           append(append(f.front(), wire.AppendBytes(nil, f.ciphertext())...), wire.Null),
		"no recipients":             recipients(),
		"recipient twice":           recipients(recipient, recipient),
		"recipient too short":       recipients(recipient[:107]),
		"recipient too long":        recipients(append(slices.Clone(recipient), 0)),
		"two lengths that add up":   recipients(recipient[:107], append(slices.Clone(other), 0)),
		"a byte after the last one": append(f.bytes(), 0),
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

// What is not a key ID, an ephemeral key or a wrapped key is the same in every recipient.
func TestRecipientOfAnotherFormIsRefused(t *testing.T) {
	v := readVectors(t)
	f := v.forge(t)
	good := f.recipients[0]
	free := func(i int) bool { return i >= 9 && i < 25 || i >= 34 && i < 66 || i >= 68 }
	second := slices.Clone(good)
	second[10] ^= 1
	for i := range good {
		for _, at := range []int{0, 1} {
			b := f.change(func(f *forged) {
				f.recipients = [][]byte{slices.Clone(good), slices.Clone(second)}
				f.recipients[at][i] ^= 0x10
			})
			_, err := envelope.Parse(b)
			if free(i) && err != nil {
				t.Errorf("byte %d of recipient %d: %v", i, at, err)
			}
			if !free(i) {
				wantFault(t, err, fault.Malformed)
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
	f := v.forge(t)
	many := func(n int) []byte {
		return f.change(func(f *forged) {
			one := f.recipients[0]
			f.recipients = make([][]byte, n)
			for i := range f.recipients {
				f.recipients[i] = slices.Clone(one)
				binary.BigEndian.PutUint32(f.recipients[i][9:], uint32(i))
			}
		})
	}
	if e := parse(t, many(envelope.MaxRecipients)); len(e.KeyIDs()) != envelope.MaxRecipients {
		t.Error("recipients are missing")
	}
	_, err := envelope.Parse(many(envelope.MaxRecipients + 1))
	wantFault(t, err, fault.OverLimit)
	_, err = envelope.Parse(append(f.bytes(), make([]byte, envelope.MaxSize)...))
	wantFault(t, err, fault.OverLimit)
	_, err = envelope.Parse(f.with(make([]byte, pad.Size(envelope.MaxStatement)+17)))
	wantFault(t, err, fault.OverLimit)
	claims := append(f.front(), 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) // a length, and nothing behind it
	_, err = envelope.Parse(claims)
	wantFault(t, err, fault.Malformed)
}

// Bytes that are cut or changed anywhere never open, and no byte string but the one that was sealed does.
func TestNoAlteredByteOpens(t *testing.T) {
	v := readVectors(t)
	good := v.forge(t).bytes()
	if _, err := v.open(t, good, "bob/tablet"); err != nil {
		t.Fatal(err)
	}
	for i := range good {
		for _, bit := range []byte{1, 0x80} {
			b := slices.Clone(good)
			b[i] ^= bit
			statement, err := v.open(t, b, "bob/tablet")
			ignored := i == len(good)-108+65 && bit == 0x80 // X25519 ignores the top bit of the ephemeral key
			if err == nil && !ignored {
				t.Errorf("byte %d of %d: opened", i, len(good))
			}
			faulttest.FromInput(t, err)
			if err != nil && statement != nil {
				t.Error("a statement beside the error")
			}
		}
	}
	for n := range good {
		if _, err := v.open(t, good[:n], "bob/tablet"); fault.Of(err) != fault.Malformed {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}

func TestOnlyTheRecipientUnwraps(t *testing.T) {
	v := readVectors(t)
	f := v.forge(t)
	whole := parse(t, v.Session.Envelope)
	d, twin := v.Devices["bob/tablet"], v.Devices["bob/phone"]
	for name, c := range map[string]struct {
		e    *envelope.Envelope
		id   octets
		cert octets
		key  octets
		want fault.Code
	}{
		"no recipient":             {parse(t, f.bytes()), twin.KeyID, twin.Cert, twin.Private, fault.NotForThisDevice},
		"key of a twin":            {whole, d.KeyID, d.Cert, twin.Private, fault.Damaged},
		"recipient of a twin":      {whole, twin.KeyID, d.Cert, d.Private, fault.Damaged},
		"record of a twin":         {whole, d.KeyID, twin.Cert, d.Private, fault.Damaged},
		"ephemeral of low order":   {changed(t, f, 34, make([]byte, 32)), d.KeyID, d.Cert, d.Private, fault.Malformed},
		"ephemeral of order one":   {changed(t, f, 34, append([]byte{1}, make([]byte, 31)...)), d.KeyID, d.Cert, d.Private, fault.Malformed},
		"another ephemeral":        {changed(t, f, 34, twin.Public), d.KeyID, d.Cert, d.Private, fault.Damaged},
		"integrity of wrapped key": {changed(t, f, 68, make([]byte, 8)), d.KeyID, d.Cert, d.Private, fault.Damaged},
		"in another session":       {inSession(t, f, make([]byte, 32)), d.KeyID, d.Cert, d.Private, fault.Damaged},
		"another key ID in place":  {changed(t, f, 9, twin.KeyID), twin.KeyID, d.Cert, d.Private, fault.Damaged},
	} {
		t.Run(name, func(t *testing.T) {
			cek, err := c.e.Unwrap([16]byte(c.id), [32]byte(c.cert), private(t, c.key))
			wantFault(t, err, c.want)
			if cek != nil {
				t.Error("a content key beside the error")
			}
			if want := c.want != fault.NotForThisDevice; c.e.IsFor([16]byte(c.id)) != want {
				t.Errorf("is for that key: %t", !want)
			}
		})
	}
	destroyed := private(t, d.Private)
	destroyed.Destroy()
	_, err := whole.Unwrap([16]byte(d.KeyID), [32]byte(d.Cert), destroyed)
	wantFault(t, err, fault.DestroyedKey)
	_, err = parse(t, f.bytes()).Strip([16]byte(twin.KeyID))
	wantFault(t, err, fault.NotForThisDevice)
}

// changed is the envelope with other bytes at some place of its recipient.
func changed(t *testing.T, f forged, at int, b []byte) *envelope.Envelope {
	t.Helper()
	return parse(t, f.change(func(f *forged) {
		f.recipients = [][]byte{slices.Clone(f.recipients[0])}
		copy(f.recipients[0][at:], b)
	}))
}

// inSession is the envelope under the name of another session.
func inSession(t *testing.T, f forged, id []byte) *envelope.Envelope {
	t.Helper()
	return parse(t, f.change(func(f *forged) {
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
			got, err := v.open(t, f.change(c.how), "bob/tablet")
			wantFault(t, err, c.want)
			if got != nil {
				t.Error("a statement beside the error")
			}
		})
	}
	_, err := v.open(t, f.with(make([]byte, 15)), "bob/tablet") // shorter than a tag
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
	bad := []envelope.Recipient{v.recipient(t, "bob/phone"), {Key: new(ecdh.PublicKey)}, v.recipient(t, "bob/tablet")}
	b, err := envelope.Seal(s, v.Session.Statement, v.Session.R, key, bad)
	wantFault(t, err, fault.Malformed)
	if b != nil {
		t.Error("an envelope beside the error")
	}
	key.Destroy()
	_, err = envelope.Seal(s, v.Session.Statement, v.Session.R, key, bad[:1])
	wantFault(t, err, fault.DestroyedKey)
}

// Every recipient gets the same content key, however many there are and whichever core writes them.
func TestEveryRecipientOfManyOpens(t *testing.T) {
	v := readVectors(t)
	s := parseSigned(t, v.Session.Statement)
	for _, n := range []int{1, 2, 3, 5, 64} {
		keys := make([]*ecdh.PrivateKey, n)
		to := make([]envelope.Recipient, n)
		for i := range to {
			keys[i] = ecdh.Generate()
			to[i] = envelope.Recipient{KeyID: [16]byte{byte(i)}, Cert: [32]byte{byte(i), 1}, Key: keys[i].Public()}
		}
		b, err := envelope.Seal(s, v.Session.Statement, v.Session.R, ecdh.Generate(), to)
		if err != nil {
			t.Fatal(err)
		}
		for i := range to {
			statement, err := open(b, to[i].KeyID, to[i].Cert, keys[i])
			if err != nil || !bytes.Equal(statement, v.Session.Statement) {
				t.Errorf("recipient %d of %d: %v", i, n, err)
			}
		}
		if strings.Count(string(b), string(s.Secret)) != 0 {
			t.Error("the secret is in the envelope")
		}
	}
}
