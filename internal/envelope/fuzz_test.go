package envelope_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/wire"
)

func FuzzParse(f *testing.F) {
	v := readVectors(f)
	scenes := v.scenes(f)
	f.Add([]byte(v.Session.Envelope))
	f.Add([]byte(v.Session.Stripped))
	f.Add([]byte(v.Suite2.Envelope))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := envelope.Parse(b)
		faulttest.FromInput(t, err)
		if (e == nil) != (err != nil) {
			t.Fatalf("an envelope beside the error, or neither: %v", err)
		}
		if err != nil {
			return
		}
		if _, err := coseimpl.ParseEncrypt(b, true); err != nil {
			t.Errorf("no COSE_Encrypt: %v", err)
		}
		for _, id := range e.KeyIDs() {
			one, err := e.Strip(id)
			if err != nil || len(one) > len(b) {
				t.Fatalf("stripped to %d of %d bytes: %v", len(one), len(b), err)
			}
			if again := parse(t, one); again.ID != e.ID || !again.IsFor(id) {
				t.Error("stripped to something else")
			}
		}
		for _, s := range scenes {
			_, err = e.Unwrap(s.reader)
			faulttest.FromInput(t, err)
		}
		_, err = e.Open(v.Session.CEK)
		faulttest.FromInput(t, err)
	})
}

// FuzzOpen seals its input as it must be: what stands behind the seal is reached, too.
func FuzzOpen(f *testing.F) {
	v := readVectors(f)
	good := v.forge(f)
	f.Add(good.padded)
	f.Fuzz(func(t *testing.T, padded []byte) {
		statement, err := open(good.change(func(f *forged) { f.padded = padded }), good.reader)
		faulttest.FromInput(t, err)
		if err == nil && !bytes.HasPrefix(padded, statement) {
			t.Error("opened to something else")
		}
	})
}

// FuzzUnwrap puts its input in the place of what is sealed to the recipient, first the public half.
func FuzzUnwrap(f *testing.F) {
	scenes := readVectors(f).scenes(f)
	for _, s := range scenes {
		f.Add(slices.Concat(s.recipients[0][s.public:s.public+s.publicSize], s.recipients[0][s.wrapped:]))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, s := range scenes {
			recipient := slices.Clone(s.recipients[0])
			n := copy(recipient[s.public:s.public+s.publicSize], b)
			copy(recipient[s.wrapped:], b[n:])
			statement, err := open(s.change(func(f *forged) { f.recipients = [][]byte{recipient} }), s.reader)
			faulttest.FromInput(t, err)
			if s.suite == 1 {
				recipient[65] = recipient[65]&0x7f | s.recipients[0][65]&0x80 // X25519 ignores the top bit
			}
			if err == nil && (!bytes.Equal(recipient, s.recipients[0]) || !bytes.Equal(statement, s.statement)) {
				t.Errorf("suite %d: opened", s.suite)
			}
		}
	})
}

// FuzzParseSigned takes its input as a signed statement, and once more as the payload of one.
func FuzzParseSigned(f *testing.F) {
	v := readVectors(f)
	m, err := coseimpl.ParseSign1(v.Session.Statement, true)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(v.Session.Statement))
	f.Add(m.Unverified())
	front := append([]byte{0xd2, 0x84}, wire.AppendBytes(nil, m.Raw)...)
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := wire.AppendBytes(wire.AppendBytes(append(bytes.Clone(front), 0xa0), b), make([]byte, 64))
		for i, b := range [][]byte{b, whole} {
			s, err := envelope.ParseSigned(b)
			faulttest.FromInput(t, err)
			if err != nil {
				continue
			}
			m, err := coseimpl.ParseSign1(b, true)
			if err != nil {
				t.Fatal(err)
			}
			again := s.AppendPayload(make([]byte, 0, s.PayloadSize()), s.Secret)
			if !bytes.Equal(again, m.Unverified()) {
				t.Errorf("input %d: read as something else", i)
			}
			if cap(again) != s.PayloadSize() {
				t.Errorf("%d bytes in room for %d", len(again), s.PayloadSize())
			}
		}
	})
}
