package device_test

import (
	"crypto/ed25519"
	"fmt"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/ratio"
	"github.com/sottokit/sotto/internal/wire"
)

// Each benchmark runs in turns with bare Ed25519 verifications of the same signatures; x-bare is the ratio of the two.

// bareSignature is a signature as crypto/ed25519 takes it.
type bareSignature struct {
	key       ed25519.PublicKey
	message   []byte
	signature []byte
}

// bareOf is the signature of an object.
func bareOf(b *testing.B, key ed25519.PublicKey, aad, object []byte) bareSignature {
	b.Helper()
	r := wire.NewReader(object)
	r.Tag("tag")
	r.Array("array", 4)
	protected := r.Bytes("protected", 4096)
	r.Raw("unprotected")
	payload, signature := r.Bytes("payload", 4096), r.Bytes("signature", 64)
	if r.Err() != nil {
		b.Fatal(r.Err())
	}
	message := wire.AppendBytes(wire.AppendText([]byte{0x84}, "Signature1"), protected)
	return bareSignature{key, wire.AppendBytes(wire.AppendBytes(message, aad), payload), signature}
}

func verifyBare(b *testing.B, all []bareSignature) {
	for _, s := range all {
		if !ed25519.Verify(s.key, s.message, s.signature) {
			b.Fatal("a signature is wrong")
		}
	}
}

// addsAndRevokes is a log of n entries after its root, in pairs: one device comes and goes. An add has two signatures, that
// of the entry and that of the record.
func addsAndRevokes(b *testing.B, n int) (*scene, []bareSignature) {
	b.Helper()
	s := bare(b)
	key := s.founder.public()
	signatures := []bareSignature{bareOf(b, key, entryAAD(alice), s.entries[0]), bareOf(b, key, recordAAD(), s.founder.record)}
	for range n / 2 {
		d := newStranger(b, alice)
		s.put(s.founder.signer, opAdd, d.record, nil)
		s.put(s.founder.signer, opRevoke, d.kid, nil)
		last := len(s.entries) - 1
		signatures = append(signatures, bareOf(b, key, entryAAD(alice), s.entries[last-1]),
			bareOf(b, d.public(), recordAAD(), d.record), bareOf(b, key, entryAAD(alice), s.entries[last]))
	}
	return s, signatures
}

// BenchmarkVerify verifies a whole log. Budget: 1.25, that is 0.8 of the bare verifications per second.
func BenchmarkVerify(b *testing.B) {
	for _, n := range []int{2, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, signatures := addsAndRevokes(b, n)
			ratio.Run(b, func() {
				if _, err := device.Verify(alice, s.entries); err != nil {
					b.Fatal(err)
				}
			}, func() { verifyBare(b, signatures) })
		})
	}
}

// BenchmarkExtend takes one new device into a log of n entries: two signatures.
func BenchmarkExtend(b *testing.B) {
	for _, n := range []int{10, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, _ := addsAndRevokes(b, n)
			l, err := device.Resume(alice, s.entries, s.pin())
			if err != nil {
				b.Fatal(err)
			}
			d := newStranger(b, alice)
			s.put(s.founder.signer, opAdd, d.record, nil)
			newest := s.entries[len(s.entries)-1]
			signatures := []bareSignature{
				bareOf(b, s.founder.public(), entryAAD(alice), newest), bareOf(b, d.public(), recordAAD(), d.record),
			}
			ratio.Run(b, func() {
				if _, err := l.Extend([][]byte{newest}); err != nil {
					b.Fatal(err)
				}
			}, func() { verifyBare(b, signatures) })
		})
	}
}

// BenchmarkServedAgain looks at a log that has nothing new: a hash for each entry. BenchmarkResume reads a log that was
// verified before: no signature is checked.
func BenchmarkServedAgain(b *testing.B) {
	s, signatures := addsAndRevokes(b, 1000)
	l := s.log()
	ratio.Run(b, func() {
		if _, err := l.Extend(s.entries); err != nil {
			b.Fatal(err)
		}
	}, func() { verifyBare(b, signatures) })
}

func BenchmarkResume(b *testing.B) {
	s, signatures := addsAndRevokes(b, 1000)
	ratio.Run(b, func() {
		if _, err := device.Resume(alice, s.entries, s.pin()); err != nil {
			b.Fatal(err)
		}
	}, func() { verifyBare(b, signatures) })
}
