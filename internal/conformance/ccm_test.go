package conformance

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// long is the additional data of example 4 of SP 800-38C: 256 times 00 to ff.
func long() []byte {
	b := make([]byte, 65536)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

var ccmVectors = []struct {
	name                  string
	key, nonce, aad, text string
	long                  bool
	lengthSize, tagSize   int
	want                  string
}{
	{name: "RFC 3610 packet 1", lengthSize: 2, tagSize: 8,
		key: "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf", nonce: "00000003020100a0a1a2a3a4a5", aad: "0001020304050607",
		text: "08090a0b0c0d0e0f101112131415161718191a1b1c1d1e",
		want: "588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0"},
	{name: "SP 800-38C example 1", lengthSize: 8, tagSize: 4,
		key: "404142434445464748494a4b4c4d4e4f", nonce: "10111213141516", aad: "0001020304050607", text: "20212223",
		want: "7162015b4dac255d"},
	{name: "SP 800-38C example 2", lengthSize: 7, tagSize: 6,
		key: "404142434445464748494a4b4c4d4e4f", nonce: "1011121314151617", aad: "000102030405060708090a0b0c0d0e0f",
		text: "202122232425262728292a2b2c2d2e2f",
		want: "d2a1f0e051ea5f62081a7792073d593d1fc64fbfaccd"},
	{name: "SP 800-38C example 3", lengthSize: 3, tagSize: 8,
		key: "404142434445464748494a4b4c4d4e4f", nonce: "101112131415161718191a1b",
		aad: "000102030405060708090a0b0c0d0e0f10111213", text: "202122232425262728292a2b2c2d2e2f3031323334353637",
		want: "e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951"},
	{name: "SP 800-38C example 4", lengthSize: 2, tagSize: 14, long: true,
		key: "404142434445464748494a4b4c4d4e4f", nonce: "101112131415161718191a1b1c",
		text: "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
		want: "69915dad1e84c6376a68c2967e4dab615ae0fd1faec44cc484828529463ccf72b4ac6bec93e8598e7f0dadbcea5b"},
}

func TestCCMAgreesWithThePublishedVectors(t *testing.T) {
	for _, v := range ccmVectors {
		aead, err := newCCM(v.lengthSize, v.tagSize)(unhex(t, v.key))
		if err != nil {
			t.Fatal(err)
		}
		nonce, aad, text, want := unhex(t, v.nonce), unhex(t, v.aad), unhex(t, v.text), unhex(t, v.want)
		if v.long {
			aad = long()
		}
		if len(nonce) != aead.NonceSize() || len(want) != len(text)+aead.Overhead() {
			t.Errorf("%s: sizes %d, %d", v.name, aead.NonceSize(), aead.Overhead())
		}
		if have := aead.Seal([]byte("before"), nonce, text, aad); !bytes.Equal(have, append([]byte("before"), want...)) {
			t.Errorf("%s: sealed %x, want %x", v.name, have, want)
		}
		have, err := aead.Open([]byte("before"), nonce, want, aad)
		if err != nil || !bytes.Equal(have, append([]byte("before"), text...)) {
			t.Errorf("%s: opened %x, %v, want %x", v.name, have, err, text)
		}
	}
}

func TestCCMRefusesEveryFlippedByteAndWipesWhatItDecrypted(t *testing.T) {
	v := ccmVectors[0]
	aead, err := newCCM(v.lengthSize, v.tagSize)(unhex(t, v.key))
	if err != nil {
		t.Fatal(err)
	}
	nonce, aad, sealed := unhex(t, v.nonce), unhex(t, v.aad), unhex(t, v.want)
	n := len(sealed) - aead.Overhead()
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		room := make([]byte, 0, n)
		if _, err := aead.Open(room, nonce, bad, aad); err == nil {
			t.Errorf("byte %d flipped: opened", i)
		}
		if !bytes.Equal(room[:n], make([]byte, n)) {
			t.Errorf("byte %d flipped: plaintext left behind", i)
		}
	}
	for i := range n {
		if _, err := aead.Open(nil, nonce, sealed[:i], aad); err == nil {
			t.Errorf("cut at %d: opened", i)
		}
	}
	if _, err := aead.Open(nil, nonce[1:], sealed, aad); err == nil {
		t.Error("short nonce: opened")
	}
	if _, err := aead.Open(nil, nonce, sealed, aad[1:]); err == nil {
		t.Error("other additional data: opened")
	}
	if _, err := aead.Open(nil, nonce, make([]byte, 1<<16+v.tagSize), aad); err == nil {
		t.Error("a text longer than the length field can tell: opened")
	}
}
