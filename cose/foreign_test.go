package cose_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"strings"
	"testing"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/coseimpl"
	"github.com/sottokit/sotto/internal/wire"
)

// foreign is a COSE_Encrypt0 as somebody else may write it: every part is given as it stands in the message.
type foreign struct {
	start       string // tag and array, "" for d0 83
	protected   []byte // the serialized map
	aadHeader   []byte // what enters the Enc_structure, nil for protected
	unprotected []byte
	iv          []byte
	ciphertext  []byte // the encoded item, nil for the true one
	end         []byte
}

func field(label int64, value []byte) []byte { return append(wire.AppendInt(nil, label), value...) }

func mapOf(fields ...[]byte) []byte {
	return append(wire.AppendHead(nil, wire.MajorMap, uint64(len(fields))), bytes.Join(fields, nil)...)
}

var (
	testIV   = []byte("twelve bytes")
	algGCM   = field(1, []byte{3})
	goodIV   = field(5, wire.AppendBytes(nil, testIV))
	kidField = field(4, wire.AppendBytes(nil, []byte("kid")))
)

func (f foreign) seal(t testing.TB, k *cose.Key) []byte {
	t.Helper()
	secret, err := k.ExportSecret()
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	if f.start == "" {
		f.start = "\xd0\x83"
	}
	if f.iv == nil {
		f.iv = testIV
	}
	if f.aadHeader == nil {
		f.aadHeader = f.protected
	}
	message := wire.AppendBytes([]byte(f.start), f.protected)
	message = append(message, f.unprotected...)
	if f.ciphertext == nil {
		f.ciphertext = wire.AppendBytes(nil, aead.Seal(nil, f.iv, []byte("hi"), coseimpl.AppendEncStructure0(nil, f.aadHeader, nil)))
	}
	return append(append(message, f.ciphertext...), f.end...)
}

// What RFC 9052 allows and our own writer does not do.
func TestForeignMessagesAreReadAsTheRFCAllows(t *testing.T) {
	k := generate(t, cose.A256GCM)
	crit := field(2, []byte{0x81, 0x05})
	for name, c := range map[string]struct {
		f foreign
		c cose.Context
	}{
		"the plain form":         {foreign{protected: mapOf(algGCM), unprotected: mapOf(goodIV)}, cose.Context{}},
		"untagged":               {foreign{start: "\x83", protected: mapOf(algGCM), unprotected: mapOf(goodIV)}, cose.Context{Untagged: true}},
		"kid before IV":          {foreign{protected: mapOf(algGCM), unprotected: mapOf(kidField, goodIV)}, cose.Context{}},
		"kid after IV":           {foreign{protected: mapOf(algGCM), unprotected: mapOf(goodIV, kidField)}, cose.Context{}},
		"protected in any order": {foreign{protected: mapOf(kidField, algGCM), unprotected: mapOf(goodIV)}, cose.Context{}},
		"IV protected":           {foreign{protected: mapOf(algGCM, goodIV), unprotected: mapOf()}, cose.Context{}},
		"crit of a known label":  {foreign{protected: mapOf(algGCM, crit, goodIV), unprotected: mapOf()}, cose.Context{}},
		"a typ, none expected":   {foreign{protected: mapOf(algGCM, field(16, wire.AppendText(nil, "x/y"))), unprotected: mapOf(goodIV)}, cose.Context{}},
		"unknown labels": {foreign{protected: mapOf(algGCM, field(99, []byte{0xf5})),
			unprotected: mapOf(goodIV, append(wire.AppendText(nil, "x"), 0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0))}, cose.Context{}},
		"a countersignature": {foreign{protected: mapOf(algGCM),
			unprotected: mapOf(goodIV, field(11, []byte{0x83, 0x43, 0xa1, 0x01, 0x27, 0xa0, 0x40}))}, cose.Context{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := k.Decrypt0(nil, c.f.seal(t, k), c.c)
			if err != nil || string(got) != "hi" {
				t.Errorf("opened %q, %v", got, err)
			}
		})
	}
}

// Everything here carries a ciphertext that would open, so that it is the form that is refused.
func TestForeignMessagesAreRefused(t *testing.T) {
	k := generate(t, cose.A256GCM)
	ivOf := func(n int) []byte { return field(5, wire.AppendBytes(nil, make([]byte, n))) }
	deep := append(bytes.Repeat([]byte{0x81}, wire.MaxDepth), 0)
	noAlgorithm := foreign{protected: nil, unprotected: mapOf(goodIV)}
	if _, err := k.Decrypt0(nil, noAlgorithm.seal(t, k), cose.Context{}); err == nil || !strings.Contains(err.Error(), "no algorithm") {
		t.Errorf("without an algorithm: %v", err) // not "algorithm 0", which nobody wrote
	}
	for name, c := range map[string]struct {
		f    foreign
		want fault.Code
	}{
		"untagged where tagged is expected": {foreign{start: "\x83", protected: mapOf(algGCM), unprotected: mapOf(goodIV)}, fault.Malformed},
		"another tag":                       {foreign{start: "\xd2\x83", protected: mapOf(algGCM), unprotected: mapOf(goodIV)}, fault.Malformed},
		"tag in long form":                  {foreign{start: "\xd8\x10\x83", protected: mapOf(algGCM), unprotected: mapOf(goodIV)}, fault.Malformed},
		"tagged twice":                      {foreign{start: "\xd0\xd0\x83", protected: mapOf(algGCM), unprotected: mapOf(goodIV)}, fault.Malformed},
		"four elements":                     {foreign{start: "\xd0\x84", protected: mapOf(algGCM), unprotected: mapOf(goodIV), end: []byte{0x80}}, fault.Malformed},
		"two elements":                      {foreign{start: "\xd0\x82", protected: mapOf(algGCM), unprotected: mapOf(goodIV)}, fault.Malformed},
		"indefinite array":                  {foreign{start: "\xd0\x9f", protected: mapOf(algGCM), unprotected: mapOf(goodIV), end: []byte{0xff}}, fault.Malformed},
		"trailing byte":                     {foreign{protected: mapOf(algGCM), unprotected: mapOf(goodIV), end: []byte{0}}, fault.Malformed},
		"no algorithm":                      {noAlgorithm, fault.Malformed},
		"empty map as header":               {foreign{protected: mapOf(), aadHeader: []byte{}, unprotected: mapOf(goodIV)}, fault.Malformed},
		"algorithm unprotected":             {foreign{protected: nil, unprotected: mapOf(algGCM, goodIV)}, fault.Malformed},
		"algorithm in both":                 {foreign{protected: mapOf(algGCM), unprotected: mapOf(algGCM, goodIV)}, fault.Malformed},
		"another algorithm":                 {foreign{protected: mapOf(field(1, []byte{1})), unprotected: mapOf(goodIV)}, fault.Malformed},
		"algorithm as text":                 {foreign{protected: mapOf(field(1, wire.AppendText(nil, "A256GCM"))), unprotected: mapOf(goodIV)}, fault.Malformed},
		"header that is no map":             {foreign{protected: []byte{0x80}, unprotected: mapOf(goodIV)}, fault.Malformed},
		"header with trailing byte":         {foreign{protected: append(mapOf(algGCM), 0), unprotected: mapOf(goodIV)}, fault.Malformed},
		"label twice, protected":            {foreign{protected: mapOf(algGCM, algGCM), unprotected: mapOf(goodIV)}, fault.Malformed},
		"label twice, unprotected":          {foreign{protected: mapOf(algGCM), unprotected: mapOf(goodIV, goodIV)}, fault.Malformed},
		"long label":                        {foreign{protected: []byte{0xa1, 0x18, 0x01, 0x03}, unprotected: mapOf(goodIV)}, fault.Malformed},
		"long value":                        {foreign{protected: []byte{0xa1, 0x01, 0x18, 0x03}, unprotected: mapOf(goodIV)}, fault.Malformed},
		"label of another type":             {foreign{protected: mapOf(algGCM), unprotected: mapOf(goodIV, []byte{0x40, 0})}, fault.Malformed},
		"unprotected null":                  {foreign{protected: mapOf(algGCM), unprotected: []byte{0xf6}}, fault.Malformed},
		"no IV":                             {foreign{protected: mapOf(algGCM), unprotected: mapOf()}, fault.Malformed},
		"IV of 0 bytes":                     {foreign{protected: mapOf(algGCM), unprotected: mapOf(ivOf(0))}, fault.Malformed},
		"IV of 11 bytes":                    {foreign{protected: mapOf(algGCM), unprotected: mapOf(ivOf(11))}, fault.Malformed},
		"IV of 13 bytes":                    {foreign{protected: mapOf(algGCM), unprotected: mapOf(ivOf(13))}, fault.Malformed},
		"IV null":                           {foreign{protected: mapOf(algGCM), unprotected: mapOf(field(5, []byte{0xf6}))}, fault.Malformed},
		"IV an array":                       {foreign{protected: mapOf(algGCM), unprotected: mapOf(field(5, append([]byte{0x8c}, make([]byte, 12)...)))}, fault.Malformed},
		"IV in both":                        {foreign{protected: mapOf(algGCM, goodIV), unprotected: mapOf(goodIV)}, fault.Malformed},
		"IV and Partial IV":                 {foreign{protected: mapOf(algGCM), unprotected: mapOf(goodIV, field(6, []byte{0x41, 1}))}, fault.Malformed},
		"Partial IV without a base":         {foreign{protected: mapOf(algGCM), unprotected: mapOf(field(6, []byte{0x41, 1}))}, fault.Malformed},
		"crit empty":                        {foreign{protected: mapOf(algGCM, field(2, []byte{0x80})), unprotected: mapOf(goodIV)}, fault.Malformed},
		"crit no array":                     {foreign{protected: mapOf(algGCM, field(2, []byte{0x01})), unprotected: mapOf(goodIV)}, fault.Malformed},
		"crit of an absent label":           {foreign{protected: mapOf(algGCM, field(2, []byte{0x81, 0x05})), unprotected: mapOf(goodIV)}, fault.UnsupportedVersion},
		"crit of an unknown label":          {foreign{protected: mapOf(algGCM, field(2, []byte{0x81, 0x18, 0x63}), field(99, []byte{0})), unprotected: mapOf(goodIV)}, fault.UnsupportedVersion},
		"crit of a text label":              {foreign{protected: mapOf(algGCM, field(2, []byte{0x81, 0x61, 0x78})), unprotected: mapOf(goodIV)}, fault.UnsupportedVersion},
		"crit of typ, none expected":        {foreign{protected: mapOf(algGCM, field(2, []byte{0x81, 0x10}), field(16, wire.AppendText(nil, "x/y"))), unprotected: mapOf(goodIV)}, fault.UnsupportedVersion},
		"value too long":                    {foreign{protected: mapOf(algGCM), unprotected: mapOf(goodIV, field(99, wire.AppendBytes(nil, make([]byte, 4096))))}, fault.OverLimit},
		"crit unprotected":                  {foreign{protected: mapOf(algGCM), unprotected: mapOf(goodIV, field(2, []byte{0x81, 0x01}))}, fault.Malformed},
		"detached":                          {foreign{protected: mapOf(algGCM), unprotected: mapOf(goodIV), ciphertext: []byte{0xf6}}, fault.Malformed},
		"undefined ciphertext":              {foreign{protected: mapOf(algGCM), unprotected: mapOf(goodIV), ciphertext: []byte{0xf7}}, fault.Malformed},
		"ciphertext an array":               {foreign{protected: mapOf(algGCM), unprotected: mapOf(goodIV), ciphertext: []byte{0x80}}, fault.Malformed},
		"ciphertext shorter than the tag":   {foreign{protected: mapOf(algGCM), unprotected: mapOf(goodIV), ciphertext: wire.AppendBytes(nil, make([]byte, 15))}, fault.Malformed},
		"nested too deep":                   {foreign{protected: mapOf(algGCM), unprotected: mapOf(goodIV, field(99, deep))}, fault.OverLimit},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := k.Decrypt0(nil, c.f.seal(t, k), cose.Context{})
			wantFault(t, err, c.want)
			if got != nil {
				t.Error("bytes beside the error")
			}
		})
	}
}

// RFC 9052 §3.1: the Partial IV is left-padded and XORed onto the key's base IV.
func TestPartialIVNeedsTheBaseIVOfTheKey(t *testing.T) {
	base, partial := []byte("base IV, 12b"), []byte{0x61, 0xa7}
	secret := bytes.Repeat([]byte{7}, 32)
	coseKey := coseimpl.SymmetricKey{Alg: 3, BaseIV: base, K: secret}
	k, err := cose.ParseKey(coseKey.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	iv := bytes.Clone(base)
	iv[10] ^= 0x61
	iv[11] ^= 0xa7
	f := foreign{protected: mapOf(algGCM), unprotected: mapOf(field(6, wire.AppendBytes(nil, partial))), iv: iv}
	if got, err := k.Decrypt0(nil, f.seal(t, k), cose.Context{}); err != nil || string(got) != "hi" {
		t.Errorf("opened %q, %v", got, err)
	}
	f.unprotected = mapOf(field(6, wire.AppendBytes(nil, make([]byte, 13))))
	_, err = k.Decrypt0(nil, f.seal(t, k), cose.Context{})
	wantFault(t, err, fault.Malformed)

	coseKey.BaseIV = base[:11]
	_, err = cose.ParseKey(coseKey.Append(nil))
	wantFault(t, err, fault.Malformed)
}

// An own message has one form: what a standard message may do, it may not.
func TestOwnMessagesHaveOneForm(t *testing.T) {
	k := generate(t, cose.A256GCM)
	c := cose.Bind("a/b")
	typ := field(16, wire.AppendText(nil, "a/b"))
	own := mapOf(algGCM, typ)
	for name, f := range map[string]foreign{
		"header order":     {protected: mapOf(typ, algGCM), unprotected: mapOf(goodIV)},
		"extra protected":  {protected: mapOf(algGCM, kidField, typ), unprotected: mapOf(goodIV)},
		"extra kid":        {protected: own, unprotected: mapOf(kidField, goodIV)},
		"IV protected":     {protected: mapOf(algGCM, goodIV, typ), unprotected: mapOf()},
		"long bytes":       {start: "\xd0\x83", protected: own, unprotected: []byte{0xa1, 0x05, 0x58, 12}},
		"no typ":           {protected: mapOf(algGCM), unprotected: mapOf(goodIV)},
		"typ unprotected":  {protected: mapOf(algGCM), unprotected: mapOf(goodIV, typ)},
		"typ of a twin":    {protected: mapOf(algGCM, field(16, wire.AppendText(nil, "a/c"))), unprotected: mapOf(goodIV)},
		"typ as a number":  {protected: mapOf(algGCM, field(16, []byte{0})), unprotected: mapOf(goodIV)},
		"typ as bytes":     {protected: mapOf(algGCM, field(16, wire.AppendBytes(nil, []byte("a/b")))), unprotected: mapOf(goodIV)},
		"crit beside it":   {protected: mapOf(algGCM, field(2, []byte{0x81, 0x01}), typ), unprotected: mapOf(goodIV)},
		"unknown beside":   {protected: mapOf(algGCM, typ, field(99, []byte{0})), unprotected: mapOf(goodIV)},
		"unknown unproted": {protected: own, unprotected: mapOf(goodIV, field(99, []byte{0}))},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := k.Decrypt0(nil, f.seal(t, k), c)
			wantFault(t, err, fault.Malformed)
		})
	}
}
