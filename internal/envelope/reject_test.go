package envelope_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

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
