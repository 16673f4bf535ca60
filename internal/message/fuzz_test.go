package message_test

import (
	"bytes"
	"testing"

	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/message"
	"github.com/sottokit/sotto/internal/wire"
)

// FuzzOpen takes its input as a message, and once more as what is sealed in one.
func FuzzOpen(f *testing.F) {
	v := readVectors(f)
	good := v.forge(f)
	f.Add(good.bytes())
	f.Add(good.padded)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := v.open(b)
		faulttest.FromInput(t, err)
		content, err := v.open(good.change(func(f *forged) { f.padded = b }))
		faulttest.FromInput(t, err)
		if err == nil && !bytes.HasPrefix(b, content) {
			t.Error("opened to something else")
		}
	})
}

// signedAs puts a payload into a signed object of that label.
func signedAs(label string, payload []byte) []byte {
	protected := wire.AppendText(append(wire.AppendBytes([]byte{0xa3, 1, 0x27, 4}, make([]byte, 32)), 16), label)
	b := append(wire.AppendBytes([]byte{0xd2, 0x84}, protected), 0xa0)
	return wire.AppendBytes(wire.AppendBytes(b, payload), make([]byte, 64))
}

func FuzzParseContent(f *testing.F) {
	v := readVectors(f)
	content, err := v.open(v.Messages.Sealed[0])
	if err != nil {
		f.Fatal(err)
	}
	m, err := coseimpl.ParseSign1(content, true)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add(m.Unverified())
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, signedAs(wire.LabelContent, b)} {
			c, err := message.ParseContent(b)
			faulttest.FromInput(t, err)
			if err != nil {
				continue
			}
			m, err := coseimpl.ParseSign1(b, true)
			if err != nil || !bytes.Equal(c.Append(nil), m.Unverified()) {
				t.Errorf("read as something else: %v", err)
			}
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	good, err := wire.Marshal(message.Request{User: "bob", DeviceKey: make([]byte, 100), Issued: 1 << 31})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(signedAs(wire.LabelSessionRequest, good))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, signedAs(wire.LabelSessionRequest, b)} {
			r, err := message.ParseRequest(b)
			faulttest.FromInput(t, err)
			if (r == nil) != (err != nil) {
				t.Errorf("a request beside the error, or neither: %v", err)
			}
		}
	})
}
