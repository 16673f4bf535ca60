package message_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/message"
	"github.com/sottokit/sotto/internal/wire"
)

var wantFault = faulttest.Want

// header is the protected header of these parameters, in any order.
func header(params ...[]byte) []byte {
	return append([]byte{wire.MajorMap | byte(len(params))}, bytes.Join(params, nil)...)
}

func TestEveryOtherFormIsRefused(t *testing.T) {
	v := readVectors(t)
	f := v.forge(t)
	kid := append(slices.Clone(v.Session.ID[:16]), v.Messages.Chain...)
	alg, place, typ := []byte{1, 3}, wire.AppendBytes([]byte{4}, kid), wire.AppendText([]byte{16}, wire.LabelMessage)
	label := []byte{0x3a, 0, 1, 0x11, 0x74} // -70005
	counter := append(slices.Clone(label), 1)
	protected := func(p ...[]byte) []byte { return f.change(func(f *forged) { f.protected = header(p...) }) }
	unprotected := func(u ...byte) []byte { return f.change(func(f *forged) { f.unprotected = u }) }
	count := func(c ...byte) []byte { return protected(alg, place, typ, append(slices.Clone(label), c...)) }
	malformed := fault.Malformed

	cases := map[string]struct {
		b    []byte
		want fault.Code
	}{
		"no tag":                    {f.change(func(f *forged) { f.head = []byte{0x83} }), malformed},
		"tag of COSE_Encrypt":       {f.change(func(f *forged) { f.head = []byte{0xd8, 96, 0x83} }), malformed},
		"array of four":             {append(f.change(func(f *forged) { f.head = []byte{0xd0, 0x84} }), 0xf6), malformed},
		"indefinite array":          {append(f.change(func(f *forged) { f.head = []byte{0xd0, 0x9f} }), 0xff), malformed},
		"another algorithm":         {protected([]byte{1, 1}, place, typ, counter), malformed},
		"no algorithm":              {protected(place, typ, counter), malformed},
		"no place":                  {protected(alg, typ, counter), malformed},
		"place too short":           {protected(alg, wire.AppendBytes([]byte{4}, kid[1:]), typ, counter), malformed},
		"place too long":            {protected(alg, wire.AppendBytes([]byte{4}, append(slices.Clone(kid), 0)), typ, counter), malformed},
		"place null":                {protected(alg, []byte{4, wire.Null}, typ, counter), malformed},
		"place as text":             {protected(alg, wire.AppendText([]byte{4}, string(make([]byte, 24))), typ, counter), malformed},
		"no typ":                    {protected(alg, place, counter), malformed},
		"typ as bytes":              {protected(alg, place, wire.AppendBytes([]byte{16}, []byte(wire.LabelMessage)), counter), malformed},
		"newer version":             {protected(alg, place, wire.AppendText([]byte{16}, "sotto/v2.message"), counter), fault.UnsupportedVersion},
		"no counter":                {protected(alg, place, typ), malformed},
		"counter in a longer form":  {count(0x18, 1), malformed},
		"counter as float":          {count(0xf9, 0x3c, 0), malformed},
		"counter negative":          {count(0x20), malformed},
		"counter of 2^53":           {count(0x1b, 0, 0x20, 0, 0, 0, 0, 0, 0), malformed},
		"counter of 2^64 - 1":       {count(0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), malformed},
		"counter null":              {count(wire.Null), malformed},
		"parameter too many":        {protected(alg, place, typ, []byte{0x18, 99, 0}, counter), malformed},
		"keys out of order":         {protected(alg, typ, place, counter), malformed},
		"key twice":                 {protected(alg, alg, place, typ, counter), malformed},
		"long integer":              {protected([]byte{1, 0x18, 3}, place, typ, counter), malformed},
		"IV missing":                {unprotected(0xa0), malformed},
		"iv-length 11":              {unprotected(append([]byte{0xa1, 5, 0x4b}, f.iv[:11]...)...), malformed},
		"iv-length 13":              {unprotected(append(append([]byte{0xa1, 5, 0x4d}, f.iv...), 0)...), malformed},
		"IV null":                   {unprotected(0xa1, 5, wire.Null), malformed},
		"partial IV":                {unprotected(append([]byte{0xa1, 6, 0x4c}, f.iv...)...), malformed},
		"parameter beside the IV":   {unprotected(append(append([]byte{0xa2, 5, 0x4c}, f.iv...), 0x18, 99, 0)...), malformed},
		"ciphertext null":           {append(f.front(), wire.Null), malformed},
		"no ciphertext":             {f.front(), malformed},
		"shorter than a tag":        {append(f.front(), wire.AppendBytes(nil, make([]byte, 15))...), malformed},
		"trailing byte":             {append(f.bytes(), 0), malformed},
		"over the limit":            {append(f.bytes(), make([]byte, message.MaxSize)...), fault.OverLimit},
		"padding-short":             {f.change(func(f *forged) { f.padded = f.padded[:len(f.padded)-1] }), malformed},
		"padding-long":              {f.change(func(f *forged) { f.padded = append(slices.Clone(f.padded), make([]byte, 64)...) }), malformed},
		"padding-nonzero":           {f.change(func(f *forged) { f.padded = slices.Clone(f.padded); f.padded[len(f.padded)-1] = 1 }), malformed},
		"another key":               {f.change(func(f *forged) { f.key = make([]byte, 32) }), fault.Damaged},
		"another IV":                {f.change(func(f *forged) { f.iv = make([]byte, 12) }), fault.Damaged},
		"external_aad empty":        {f.change(func(f *forged) { f.aad = nil }), fault.Damaged},
		"external_aad of a content": {f.change(func(f *forged) { f.aad = bytes.Replace(f.aad, []byte("message"), []byte("content"), 1) }), fault.Damaged},
		"external_aad of another":   {f.change(func(f *forged) { f.aad = append(slices.Clone(f.aad[:len(f.aad)-1]), 2) }), fault.Damaged},
		"another counter":           {count(2), fault.Damaged},
		"nothing":                   {nil, malformed},
	}
	for _, l := range []string{wire.LabelSession, wire.LabelEnvelope, wire.LabelContent, wire.LabelMessageKey, wire.LabelSessionRequest,
		wire.LabelRecipient, wire.LabelCEK, wire.LabelSealed, "sotto/v0.message", ""} {
		c := cases["nothing"]
		c.b = protected(alg, place, wire.AppendText([]byte{16}, l), counter)
		cases["typ "+l] = c
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			content, err := v.open(c.b)
			wantFault(t, err, c.want)
			if content != nil {
				t.Error("content beside the error")
			}
		})
	}
}

func TestNoAlteredByteOpens(t *testing.T) {
	v := readVectors(t)
	good := v.forge(t).bytes()
	for i := range good {
		b := slices.Clone(good)
		b[i] ^= 1
		content, err := v.open(b)
		faulttest.FromInput(t, err)
		if err == nil || content != nil {
			t.Errorf("byte %d of %d: opened", i, len(good))
		}
		if _, err := v.open(good[:i]); fault.Of(err) != fault.Malformed {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
	}
}

// Session, chain and counter each give other keys: what was sealed in one place is nothing in another.
func TestMessageOpensInItsSessionAlone(t *testing.T) {
	v := readVectors(t)
	id := [32]byte(v.Session.ID)
	m := parse(t, v.Messages.Sealed[0])
	if _, err := m.Open(id, v.Messages.PRK); err != nil {
		t.Fatal(err)
	}
	_, err := m.Open(id, make([]byte, 32))
	wantFault(t, err, fault.Damaged)
	twin := id
	twin[31] ^= 1 // of the same prefix
	_, err = m.Open(twin, v.Messages.PRK)
	wantFault(t, err, fault.Damaged)
	prk, err := message.PRK(twin, v.Session.Secret)
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Open(twin, prk)
	wantFault(t, err, fault.Damaged)
}

// Each place has a key of its own, whichever of the three parts differs.
func TestEveryPlaceHasItsOwnKey(t *testing.T) {
	v := readVectors(t)
	seen := map[string]string{}
	base := message.Place{Session: [32]byte(v.Session.ID), Chain: [8]byte(v.Messages.Chain)}
	for name, p := range map[string]message.Place{
		"base":    base,
		"counter": {Session: base.Session, Chain: base.Chain, Counter: 1},
		"chain":   {Session: base.Session},
		"session": {Chain: base.Chain},
	} {
		sealed, err := message.Seal(nil, &p, v.Messages.PRK, make([]byte, 32), []byte("content"))
		if err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprintf("%x", sealed[len(sealed)-80:len(sealed)-16]) // without the tag
		if other, twice := seen[key]; twice {
			t.Errorf("%s and %s have one key", name, other)
		}
		seen[key] = name
	}
}

func TestSealedIsAppended(t *testing.T) {
	v := readVectors(t)
	p := &message.Place{Session: [32]byte(v.Session.ID)}
	alone, err := message.Seal(nil, p, v.Messages.PRK, make([]byte, 32), []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	after, err := message.Seal([]byte("before"), p, v.Messages.PRK, make([]byte, 32), []byte("content"))
	if err != nil || string(after) != "before"+string(alone) {
		t.Errorf("appended %x: %v", after, err)
	}
	_, err = message.Seal(nil, p, v.Messages.PRK, make([]byte, 32), make([]byte, message.MaxSize-64))
	wantFault(t, err, fault.OverLimit)
}

// Append is a short way of what package wire writes.
func TestContentIsWrittenAsWireWouldWriteIt(t *testing.T) {
	for _, c := range []message.Content{
		{}, {ID: [16]byte{1}, Sent: 1 << 40, Type: "text/plain", Body: make([]byte, 300), KeyGen: 24}, {Sent: 255, Body: []byte{}, KeyGen: 1<<53 - 1},
	} {
		want, err := wire.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Append(nil); !bytes.Equal(got, want) {
			t.Errorf("written as %x, want %x", got, want)
		}
	}
}
