package device_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/internal/wire"
)

// Each target takes its input as a whole object and once more as the payload of one that is signed as it must be, so that
// what stands behind the signature is reached, too. All keys are fixed: a corpus stays what it is.

// numbered is a device whose key is 32 times n.
func numbered(t testing.TB, n byte) stranger {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, 32))
	public := []byte(key.Public().(ed25519.PublicKey))
	return strangerOf(t, key, fields{1: alice, 2: bytes.Repeat([]byte{n}, 16), 3: public, 4: 1, 5: start.Unix()})
}

func fixedScene(t testing.TB) *scene {
	t.Helper()
	return sceneOf(t, numbered(t, 1), numbered(t, 2), numbered(t, 3))
}

// join and split are a list of entries as one input.
func join(entries ...[]byte) (b []byte) {
	for _, e := range entries {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(e))), e...)
	}
	return b
}

func split(b []byte) (entries [][]byte) {
	for len(b) >= 2 {
		n := min(int(binary.BigEndian.Uint16(b)), len(b)-2)
		entries = append(entries, b[2:2+n])
		b = b[2+n:]
	}
	return entries
}

// payloadOf is what an object signs.
func payloadOf(t testing.TB, b []byte) []byte {
	t.Helper()
	r := wire.NewReader(b)
	r.Tag("tag")
	r.Array("array", 4)
	r.Bytes("protected", 4096)
	r.Raw("unprotected")
	payload := r.Bytes("payload", 4096)
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	return payload
}

func fromInput[T any](t *testing.T, result *T, err error) {
	t.Helper()
	faulttest.FromInput(t, err)
	if (result == nil) != (err != nil) {
		t.Errorf("a result beside the error, or neither: %v", err)
	}
}

// seed adds an input that is good, so that the others start from there.
func seed(f *testing.F, b []byte, err error) {
	f.Helper()
	if err != nil {
		f.Fatalf("a seed is not good: %v", err)
	}
	f.Add(b)
}

func FuzzVerify(f *testing.F) {
	s := fixedScene(f)
	seed(f, join(s.entries...), failure(device.Verify(alice, split(join(s.entries...)))))
	f.Add(join(s.entries[0], payloadOf(f, s.entries[1])))
	f.Add(payloadOf(f, s.entries[0]))
	f.Fuzz(func(t *testing.T, b []byte) {
		root := sign1(s.founder.signer, wire.LabelDeviceLog, entryAAD(alice), b).bytes()
		for _, entries := range [][][]byte{split(b), {root}} {
			l, err := device.Verify(alice, entries)
			fromInput(t, l, err)
			if len(entries) == 0 {
				continue
			}
			w := writer{t, entries}
			resumed, err := device.Resume(alice, entries, w.pin())
			fromInput(t, resumed, err)
			if l != nil && resumed == nil {
				t.Error("verified, but not resumed")
			}
		}
	})
}

func FuzzExtend(f *testing.F) {
	s := fixedScene(f)
	whole := s.log()
	held := at(f, whole, 4)
	seed(f, join(s.entries...), failure(held.Extend(s.entries)))
	seed(f, join(s.entries[5:]...), failure(held.Extend(s.entries[5:])))
	other := s.branch(3)
	other.put(s.founder.signer, opRecover, numbered(f, 4).record, nil)
	other.put(s.recoveryOld, opRecover, numbered(f, 5).record, nil)
	f.Add(join(other.entries[3:]...))
	for _, e := range s.entries {
		f.Add(payloadOf(f, e))
	}
	signers := []signer{s.founder.signer, s.laptopOld.signer, s.recoveryOld}
	f.Fuzz(func(t *testing.T, b []byte) {
		lists := [][][]byte{split(b)}
		for _, by := range signers {
			lists = append(lists, [][]byte{sign1(by, wire.LabelDeviceLog, entryAAD(alice), b).bytes()})
		}
		pins := [2]device.Pin{whole.Pin(), held.Pin()}
		for _, entries := range lists {
			for _, l := range []*device.Log{whole, held} {
				next, err := l.Extend(entries)
				fromInput(t, next, err)
			}
		}
		if pins != [2]device.Pin{whole.Pin(), held.Pin()} {
			t.Error("a log changed")
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	s := numbered(f, 1)
	seed(f, s.record, failure(device.ParseRecord(alice, s.record)))
	f.Add(payloadOf(f, s.record))
	f.Fuzz(func(t *testing.T, b []byte) {
		kid := sha256.Sum256(b)
		signed := sign1(signer{s.key, kid[:]}, wire.LabelDevice, recordAAD(), b).bytes()
		for _, b := range [][]byte{b, signed} {
			r, err := device.ParseRecord(alice, b)
			fromInput(t, r, err)
			if r != nil && !bytes.Equal(r.Bytes(), b) {
				t.Error("read as something else")
			}
		}
	})
}

// fixedDeviceKey is the payload of a device-key whose private half is 32 times n.
func fixedDeviceKey(t testing.TB, s *scene, of stranger, n byte) (private []byte, f fields) {
	t.Helper()
	private = bytes.Repeat([]byte{n}, ecdh.Size)
	k, err := ecdh.NewPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	pin := s.pin()
	return private, fields{1: of.kid, 2: 5, 3: k.Public().Bytes(), 4: nil, 5: start.Unix(), 6: pin.Seq, 7: pin.Head[:]}
}

func FuzzAcceptKey(f *testing.F) {
	s := fixedScene(f)
	l := s.log()
	_, classical := fixedDeviceKey(f, s, s.founder, 7)
	_, hybrid := fixedDeviceKey(f, s, s.laptop, 7)
	xwing, err := ecdh.NewHybridPrivateKey(make([]byte, ecdh.Size))
	if err != nil {
		f.Fatal(err)
	}
	hybrid[4] = xwing.Public().Bytes()
	ofFounder, ofLaptop := s.founder.deviceKey(f, classical), s.laptop.deviceKey(f, hybrid)
	seed(f, ofFounder, failure(l.AcceptKey(s.founder.id(), ofFounder, nil)))
	seed(f, ofLaptop, failure(l.AcceptKey(s.laptop.id(), ofLaptop, nil)))
	f.Add(classical.encode(f))
	f.Add(hybrid.encode(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, of := range []stranger{s.founder, s.laptop} {
			signed := sign1(of.signer, wire.LabelDeviceKey, deviceKeyAAD(of.kid), b).bytes()
			for _, b := range [][]byte{b, signed} {
				for _, last := range []*device.Seen{nil, {Gen: 5}} {
					m, err := l.AcceptKey(of.id(), b, last)
					fromInput(t, m, err)
				}
			}
		}
	})
}

func FuzzCheck(f *testing.F) {
	s := fixedScene(f)
	l := s.log()
	nonce := [32]byte{1, 2, 3}
	_, key := fixedDeviceKey(f, s, s.founder, 7)
	admits := sum(s.entries[0])
	good := fields{1: s.founder.record, 2: nonce[:], 3: server, 4: start.Unix(), 5: admits[:], 6: s.founder.deviceKey(f, key)}
	challenge := func() *device.Challenge {
		return &device.Challenge{Server: server, User: alice, Nonce: nonce, Made: start}
	}
	answer := s.founder.registration(f, server, nonce[:], good)
	seed(f, answer, failure(challenge().Check(answer, l, start)))
	f.Add(good.encode(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		signed := sign1(s.founder.signer, wire.LabelRegistration, registrationAAD(server, nonce[:]), b).bytes()
		for _, b := range [][]byte{b, signed} {
			r, err := challenge().Check(b, l, start)
			fromInput(t, r, err)
		}
	})
}

func FuzzParseKeys(f *testing.F) {
	s := fixedScene(f)
	l := s.log()
	private, key := fixedDeviceKey(f, s, s.founder, 7)
	good := parts{
		label: wire.LabelDeviceState, record: s.founder.record, seed: bytes.Repeat([]byte{1}, 32), contact: uint64(start.Unix()),
		halves: []half{{s.founder.deviceKey(f, key), private, nil, 3}},
	}
	for _, pending := range [][]byte{nil, s.nextOf(f, numbered(f, 6))} {
		good.pending = pending
		seed(f, good.encode(), failure(device.ParseKeys(good.encode())))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := device.ParseKeys(b)
		fromInput(t, k, err)
		if err != nil {
			return
		}
		if !bytes.Equal(state(t, k), b) {
			t.Error("read as something else")
		}
		k.RotationDue(start)
		for _, call := range []func() error{
			func() error { _, err := k.Online(start.Add(time.Hour)); return err },
			func() error { _, err := k.Settle(l); return err },
			func() error { _, err := k.Rotate(l, nil, start); return err },
		} {
			faulttest.FromInput(t, call())
		}
	})
}

// nextOf is the entry by which the founder adds a device.
func (s *scene) nextOf(t testing.TB, d stranger) []byte {
	t.Helper()
	return s.founder.entry(t, entry(s.entries, opAdd, d.record, nil))
}
