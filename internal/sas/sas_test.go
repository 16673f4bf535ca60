package sas_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/sas"
)

// sizes are the lengths of the bodies by kind.
var sizes = []int{sas.Start: 0, sas.Accept: 32, sas.InitiatorKey: 32, sas.ResponderKey: 32, sas.InitiatorConfirm: 32,
	sas.ResponderConfirm: 32, sas.Deny: 0, sas.Cancel: 0}

func encode(t testing.TB, kind sas.Kind, size int) []byte {
	t.Helper()
	b, err := sas.Encode(kind, sas.Transaction{1, 2}, bytes.Repeat([]byte{7}, size))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMessageIsReadAsItWasWritten(t *testing.T) {
	for kind := sas.Start; kind <= sas.Cancel; kind++ {
		m, err := sas.Parse(encode(t, kind, sizes[kind]))
		if err != nil || m.Kind != kind || m.Transaction != (sas.Transaction{1, 2}) || len(m.Body) != sizes[kind] {
			t.Errorf("kind %d: %+v, %v", kind, m, err)
		}
	}
}

func TestBodyOfAnotherLengthIsRefused(t *testing.T) {
	for kind := sas.Start; kind <= sas.Cancel; kind++ {
		for _, size := range []int{0, 1, 31, 32, 33, 64} {
			if size != sizes[kind] {
				_, err := sas.Parse(encode(t, kind, size))
				faulttest.Want(t, err, fault.Malformed)
			}
		}
	}
}

func TestKindThatIsNoneIsRefused(t *testing.T) {
	_, err := sas.Parse(encode(t, sas.Start-1, 0))
	faulttest.Want(t, err, fault.Malformed)
	_, err = sas.Parse(encode(t, sas.Cancel+1, 0))
	faulttest.Want(t, err, fault.UnsupportedVersion)
}

func TestEveryChangedByteIsRefusedOrAnotherMessage(t *testing.T) {
	good := encode(t, sas.Accept, 32)
	for i := range good {
		for bit := range 8 {
			b := slices.Clone(good)
			b[i] ^= 1 << bit
			m, err := sas.Parse(b)
			faulttest.FromInput(t, err)
			if err != nil {
				continue
			}
			if again, err := sas.Encode(m.Kind, m.Transaction, m.Body); err != nil || !bytes.Equal(again, b) {
				t.Errorf("byte %d, bit %d: %x", i, bit, b)
			}
		}
	}
}

func TestStringsAreBitsFromTheFirst(t *testing.T) {
	s := sas.Strings{0b000001_00, 0b0010_0000, 0b11_000100, 0b000101_00, 0b0110_0001, 0b11_111111}
	if have := s.Emoji(); have != [7]int{1, 2, 3, 4, 5, 6, 7} {
		t.Errorf("emoji %v", have)
	}
	// 39 bits, 13 at a time: 0000010000100 0001100010000 0101000110000
	if have := s.Decimals(); have != [3]int{1000 + 132, 1000 + 784, 1000 + 2608} {
		t.Errorf("decimals %v", have)
	}
	ones := sas.Strings{255, 255, 255, 255, 255, 255}
	if e, d := ones.Emoji(), ones.Decimals(); e[0] != 63 || e[6] != 63 || d != [3]int{9191, 9191, 9191} {
		t.Errorf("%v, %v", e, d)
	}
	if d := (sas.Strings{}).Decimals(); d != [3]int{1000, 1000, 1000} {
		t.Errorf("%v", d)
	}
}

// Nothing of the transcript is left out, and nothing moves from one part into the next.
func TestEveryPartOfTheTranscriptCounts(t *testing.T) {
	me, peer := ecdh.Generate(), ecdh.Generate()
	derive := func(change func(t *sas.Transcript)) (sas.Strings, string) {
		tr := sas.Transcript{Start: []byte("start"), Initiator: [32]byte{1}, Responder: [32]byte{2},
			InitiatorKey: me.Public().Bytes(), ResponderKey: peer.Public().Bytes()}
		change(&tr)
		z, err := me.Agree(peer.Public())
		if err != nil {
			t.Fatal(err)
		}
		shown, confirm, err := tr.Derive(z)
		if err != nil || len(confirm) != 32 {
			t.Fatal(err)
		}
		return shown, string(confirm)
	}
	seen, keys := map[sas.Strings]bool{}, map[string]bool{}
	changes := []func(t *sas.Transcript){
		func(*sas.Transcript) {},
		func(t *sas.Transcript) { t.Start = []byte("stark") },
		func(t *sas.Transcript) { t.Initiator[31] ^= 1 },
		func(t *sas.Transcript) { t.Responder[31] ^= 1 },
		func(t *sas.Transcript) { t.Initiator, t.Responder = t.Responder, t.Initiator },
		func(t *sas.Transcript) { t.InitiatorKey[0] ^= 1 },
		func(t *sas.Transcript) { t.ResponderKey[0] ^= 1 },
		func(t *sas.Transcript) { t.InitiatorKey, t.ResponderKey = t.ResponderKey, t.InitiatorKey },
		func(t *sas.Transcript) {
			t.ResponderKey = append(t.InitiatorKey[31:], t.ResponderKey...)
			t.InitiatorKey = t.InitiatorKey[:31]
		},
	}
	for _, change := range changes {
		shown, key := derive(change)
		seen[shown], keys[key] = true, true
	}
	if len(seen) != len(changes) || len(keys) != len(changes) {
		t.Errorf("%d strings and %d keys of %d transcripts", len(seen), len(keys), len(changes))
	}
}

func TestTwoSidesHaveDifferentMACs(t *testing.T) {
	key := make([]byte, 32)
	if bytes.Equal(sas.MAC(key, sas.InitiatorConfirm), sas.MAC(key, sas.ResponderConfirm)) {
		t.Error("the same MAC")
	}
}

func TestCommitmentIsOfKeyAndStart(t *testing.T) {
	a := sas.Commitment([]byte("key"), []byte("start"))
	if a == sas.Commitment([]byte("kez"), []byte("start")) || a == sas.Commitment([]byte("key"), []byte("stark")) ||
		a == sas.Commitment([]byte("keys"), []byte("tart")) {
		t.Error("the same commitment")
	}
}
