package linking_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/internal/wire"
)

var wantFault = faulttest.Want

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// newQR is a code that is good.
func newQR() *linking.QR {
	return &linking.QR{
		Rendezvous: [16]byte{1}, Passphrase: [32]byte{2}, Key: ecdh.Generate().Public(), User: "alice",
		Cert: [32]byte{3}, Expires: 1_800_000_300,
	}
}

// channels are both sides of a channel.
func channels(t testing.TB) (old, young *linking.Channel) {
	t.Helper()
	a, b, th := ecdh.Generate(), ecdh.Generate(), [32]byte{9}
	old, err1 := linking.ByQR([16]byte{1}, []byte("passphrase"), a, b.Public(), th)
	young, err2 := linking.ByQR([16]byte{1}, []byte("passphrase"), b, a.Public(), th)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return old, young
}

// pair is a key of a map and its value, both encoded.
type pair struct{ key, value []byte }

// pairsOf takes a map with integer keys apart.
func pairsOf(t testing.TB, b []byte) []pair {
	t.Helper()
	r := wire.NewReader(b)
	pairs := make([]pair, r.Map("map", 64))
	for i := range pairs {
		pairs[i] = pair{bytes.Clone(r.Raw("key")), bytes.Clone(r.Raw("value"))}
	}
	if err := r.End("map"); err != nil {
		t.Fatal(err)
	}
	return pairs
}

func mapOf(pairs ...pair) []byte {
	b := wire.AppendHead(nil, wire.MajorMap, uint64(len(pairs)))
	for _, p := range pairs {
		b = append(append(b, p.key...), p.value...)
	}
	return b
}

// broken are encodings of a map that no reader of an own structure takes, each wrong in one thing. nullable are the keys
// that may have a null.
func broken(t testing.TB, good []byte, nullable ...byte) map[string][]byte {
	t.Helper()
	pairs := pairsOf(t, good)
	all := map[string][]byte{
		"nothing":           nil,
		"null":              {wire.Null},
		"trailing byte":     append(bytes.Clone(good), 0),
		"a tag":             append([]byte{0xc1}, good...),
		"indefinite map":    append(append([]byte{0xbf}, good[1:]...), 0xff),
		"head of one more":  append([]byte{good[0] + 1}, good[1:]...),
		"head of one less":  append([]byte{good[0] - 1}, good[1:]...),
		"long head":         append([]byte{0xb8, byte(len(pairs))}, good[1:]...),
		"in a byte string":  wire.AppendBytes(nil, good),
		"unknown key":       mapOf(append(append([]pair{}, pairs...), pair{[]byte{0x17}, []byte{0}})...),
		"unknown key first": mapOf(append([]pair{{[]byte{0}, []byte{0}}}, pairs...)...),
		"key as text":       mapOf(append(append([]pair{}, pairs...), pair{[]byte{0x61, 'a'}, []byte{0}})...),
	}
	for i, p := range pairs {
		change := func(name string, key, value []byte) {
			changed := append([]pair{}, pairs...)
			changed[i] = pair{key, value}
			all[fmt.Sprintf("%s at %d", name, p.key[0])] = mapOf(changed...)
		}
		if !bytes.Contains(nullable, p.key) {
			change("null", p.key, []byte{wire.Null})
			change("undefined", p.key, []byte{0xf7})
		}
		change("a float", p.key, []byte{0xf9, 0, 0})
		change("an array", p.key, []byte{0x80})
		change("a map", p.key, []byte{0xa0})
		change("a tag", p.key, append([]byte{0xc1}, p.value...))
		change("a boolean", p.key, []byte{0xf5})
		change("a negative number", p.key, []byte{0x20})
		change("long key", []byte{0x18, p.key[0]}, p.value)
		switch p.value[0] & 0xe0 {
		case wire.MajorUint:
			change("a byte string", p.key, []byte{0x40})
			change("a number over 2^53", p.key, unhex(t, "1b0020000000000000"))
			if p.value[0] < 24 {
				change("a long number", p.key, []byte{0x18, p.value[0]})
			}
		case wire.MajorBytes:
			change("text", p.key, append([]byte{p.value[0] | 0x20}, p.value[1:]...))
			change("indefinite bytes", p.key, append(append([]byte{0x5f}, p.value...), 0xff))
		case wire.MajorText:
			change("bytes", p.key, append([]byte{p.value[0] &^ 0x20}, p.value[1:]...))
			change("not UTF-8", p.key, []byte{0x62, 0xc3, 0x28})
			change("empty text", p.key, []byte{0x60})
			change("a control character", p.key, []byte{0x61, 0x07})
		}
		all[fmt.Sprintf("without %d", p.key[0])] = mapOf(append(append([]pair{}, pairs[:i]...), pairs[i+1:]...)...)
		all[fmt.Sprintf("%d twice", p.key[0])] = mapOf(append(append(append([]pair{}, pairs[:i]...), p), pairs[i:]...)...)
		if i > 0 {
			swapped := append([]pair{}, pairs...)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			all[fmt.Sprintf("%d before its time", p.key[0])] = mapOf(swapped...)
		}
	}
	for i := range good {
		all[fmt.Sprintf("cut at %d", i)] = good[:i]
	}
	return all
}

// refusesAll gives a reader everything that is broken.
func refusesAll(t *testing.T, all map[string][]byte, read func([]byte) error) {
	t.Helper()
	for name, b := range all {
		if err := read(b); err == nil {
			t.Errorf("%s: accepted %x", name, b)
		} else {
			faulttest.FromInput(t, err)
		}
	}
}
