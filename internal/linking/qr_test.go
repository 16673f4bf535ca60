package linking_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/internal/wire"
)

func readQR(b []byte) error {
	_, err := linking.ParseQR(b)
	return err
}

func TestQRIsReadAsItWasWritten(t *testing.T) {
	for _, user := range []string{"a", "alice", strings.Repeat("ü", 64)} {
		q := newQR()
		q.User = user
		b := q.Marshal()
		if len(b) > linking.MaxQR {
			t.Errorf("%d bytes", len(b))
		}
		got, err := linking.ParseQR(b)
		if err != nil {
			t.Fatal(err)
		}
		if got.Rendezvous != q.Rendezvous || got.Passphrase != q.Passphrase || !got.Key.Equal(q.Key) || got.User != user ||
			got.Cert != q.Cert || got.Expires != q.Expires {
			t.Errorf("%+v", got)
		}
	}
}

func TestQRHasOneForm(t *testing.T) {
	refusesAll(t, broken(t, newQR().Marshal()), readQR)
}

func TestQRRefuses(t *testing.T) {
	good := pairsOf(t, newQR().Marshal())
	with := func(key byte, value []byte) []byte {
		pairs := append([]pair{}, good...)
		pairs[key-1].value = value
		return mapOf(pairs...)
	}
	for _, c := range []struct {
		name string
		b    []byte
		want fault.Code
	}{
		{"version 0", with(1, []byte{0}), fault.Malformed},
		{"version 2", with(1, []byte{2}), fault.UnsupportedVersion},
		{"version 2 with other fields", []byte{0xa2, 1, 2, 0x17, 0}, fault.UnsupportedVersion},
		{"version 2^53 - 1", with(1, unhex(t, "1b001fffffffffffff")), fault.UnsupportedVersion},
		{"version 2^53", with(1, unhex(t, "1b0020000000000000")), fault.Malformed},
		{"short rendezvous", with(2, wire.AppendBytes(nil, make([]byte, 15))), fault.Malformed},
		{"long rendezvous", with(2, wire.AppendBytes(nil, make([]byte, 17))), fault.Malformed},
		{"short passphrase", with(3, wire.AppendBytes(nil, make([]byte, 31))), fault.Malformed},
		{"key of low order", with(4, wire.AppendBytes(nil, make([]byte, 32))), fault.Malformed},
		{"key of low order, 1", with(4, wire.AppendBytes(nil, append([]byte{1}, make([]byte, 31)...))), fault.Malformed},
		{"short key", with(4, wire.AppendBytes(nil, make([]byte, 31))), fault.Malformed},
		{"long user ID", with(5, wire.AppendText(nil, strings.Repeat("a", 129))), fault.Malformed},
		{"short cert_id", with(6, wire.AppendBytes(nil, make([]byte, 31))), fault.Malformed},
		{"negative time", with(7, []byte{0x20}), fault.Malformed},
		{"time of 2^53", with(7, unhex(t, "1b0020000000000000")), fault.Malformed},
		{"time over 2^63", with(7, unhex(t, "1bffffffffffffffff")), fault.Malformed},
		{"intent 0", with(8, []byte{0}), fault.Malformed},
		{"intent 2", with(8, []byte{2}), fault.Malformed},
		{"301 bytes", append(newQR().Marshal(), make([]byte, 301)...), fault.OverLimit},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := linking.ParseQR(c.b)
			if wantFault(t, err, c.want); q != nil {
				t.Error("a code beside the error")
			}
		})
	}
	if err := readQR(with(7, unhex(t, "1b001fffffffffffff"))); err != nil {
		t.Errorf("the last time that there is: %v", err)
	}
}

func TestEveryChangedBitOfAQRIsRefusedOrSeen(t *testing.T) {
	good := newQR().Marshal()
	for i := range good {
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			q, err := linking.ParseQR(b)
			faulttest.FromInput(t, err)
			if err == nil && !bytes.Equal(q.Marshal(), b) {
				t.Errorf("byte %d, bit %d", i, bit)
			}
		}
	}
}

func TestCodeOfTheOtherDirectionDoesNotExist(t *testing.T) { // intent-not-1
	q := newQR()
	b := q.Marshal()
	b[len(b)-1] = 2
	wantFault(t, readQR(b), fault.Malformed)
}

func FuzzQR(f *testing.F) {
	f.Add((&linking.QR{Key: ecdh.Generate().Public(), User: "alice"}).Marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := linking.ParseQR(b)
		faulttest.FromInput(t, err)
		if err == nil && !bytes.Equal(q.Marshal(), b) {
			t.Errorf("%x is read, and not written", b)
		}
	})
}
