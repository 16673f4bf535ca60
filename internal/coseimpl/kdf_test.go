package coseimpl

import (
	"encoding/hex"
	"errors"
	"testing"

	"github.com/sottokit/sotto/fault"
)

// Worked out by hand from RFC 9053 §5.2: null and empty differ, and optional parts are left out.
func TestKDFContextHasOneForm(t *testing.T) {
	for _, c := range []struct {
		kdf  KDF
		want string
	}{
		{KDF{}, "84" + "03" + "83f6f6f6" + "83f6f6f6" + "82190100" + "43a10129"},
		{KDF{Public: []byte{}}, "84" + "03" + "83f6f6f6" + "83f6f6f6" + "83190100" + "43a10129" + "40"},
		{KDF{Private: []byte("p")}, "85" + "03" + "83f6f6f6" + "83f6f6f6" + "82190100" + "43a10129" + "4170"},
		{KDF{U: Party{Identity: []byte("a")}, V: Party{Nonce: []byte{}, Other: []byte("o")}, Public: []byte("x"), Salt: []byte("s")},
			"84" + "03" + "834161f6f6" + "83f640416f" + "83190100" + "43a10129" + "4178"},
	} {
		got := c.kdf.AppendContext(nil, 3, 256, []byte{0xa1, 0x01, 0x29})
		if hex.EncodeToString(got) != c.want {
			t.Errorf("got %x, want %s", got, c.want)
		}
	}
}

// Freshness may come from the message; who somebody is may not.
func TestReceiveBelievesTheCallerOnly(t *testing.T) {
	header := func(label int64, value string) Header { return Header{BytesField(label, []byte(value))} }
	for name, c := range map[string]struct {
		expect KDF
		sent   Header
		ok     bool
	}{
		"nothing":                 {KDF{}, nil, true},
		"salt from the message":   {KDF{}, header(HeaderSalt, "s"), true},
		"salt as expected":        {KDF{Salt: []byte("s")}, header(HeaderSalt, "s"), true},
		"another salt":            {KDF{Salt: []byte("s")}, header(HeaderSalt, "t"), false},
		"expected nonce missing":  {KDF{U: Party{Nonce: []byte("n")}}, nil, false},
		"nonce from the message":  {KDF{}, header(HeaderPartyU-1, "n"), true},
		"another nonce":           {KDF{U: Party{Nonce: []byte("n")}}, header(HeaderPartyU-1, "m"), false},
		"identity unexpected":     {KDF{}, header(HeaderPartyU, "eve"), false},
		"identity as expected":    {KDF{U: Party{Identity: []byte("a")}}, header(HeaderPartyU, "a"), true},
		"another identity":        {KDF{V: Party{Identity: []byte("b")}}, header(HeaderPartyV, "eve"), false},
		"empty where none is":     {KDF{}, header(HeaderPartyU, ""), false},
		"other unexpected":        {KDF{}, header(HeaderPartyV-2, "x"), false},
		"expected, but not sent":  {KDF{V: Party{Identity: []byte("b")}}, nil, true},
		"a parameter not a bytes": {KDF{}, Header{IntField(HeaderSalt, 1)}, false},
	} {
		kdf := c.expect
		err := kdf.receive(c.sent)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, fault.Malformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
