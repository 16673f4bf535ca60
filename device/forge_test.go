package device_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"maps"
	"slices"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/wire"
	"github.com/sottokit/sotto/recovery"
)

// What no honest device signs is made here: every piece of a signed object can be another one, while its signature holds.

// forged is a COSE_Sign1 (RFC 9052 §4.2) in pieces.
type forged struct {
	head        []byte // tag and array
	protected   []byte // the map in the protected header
	unprotected []byte
	payload     []byte
	aad         []byte
	key         ed25519.PrivateKey
}

// sign1 is the forged object of the one form that is right.
func sign1(s signer, label string, aad, payload []byte) forged {
	return forged{[]byte{0xd2, 0x84}, protected(s.kid, label), []byte{0xa0}, payload, aad, s.key}
}

// protected is {1: -8, 4: kid, 16: label}.
func protected(kid []byte, label string) []byte {
	return wire.AppendText(append(wire.AppendBytes([]byte{0xa3, 1, 0x27, 4}, kid), 16), label)
}

func (f forged) bytes() []byte {
	toBeSigned := wire.AppendBytes(wire.AppendText([]byte{0x84}, "Signature1"), f.protected)
	toBeSigned = wire.AppendBytes(wire.AppendBytes(toBeSigned, f.aad), f.payload)
	return f.with(ed25519.Sign(f.key, toBeSigned))
}

// with is the object with whatever signature.
func (f forged) with(signature []byte) []byte {
	b := append(wire.AppendBytes(slices.Clone(f.head), f.protected), f.unprotected...)
	return wire.AppendBytes(wire.AppendBytes(b, f.payload), signature)
}

// signer signs what a test likes.
type signer struct {
	key ed25519.PrivateKey
	kid []byte
}

// signerOf takes the key of a device out of its state.
func signerOf(t testing.TB, k *device.Keys) signer {
	t.Helper()
	r := wire.NewReader(state(t, k))
	r.Array("state", 7)
	r.Text("label", 64)
	r.Bytes("record", device.MaxRecord)
	seed := r.Bytes("seed", ed25519.SeedSize)
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	cert := k.Record().Cert()
	return signer{ed25519.NewKeyFromSeed(seed), cert[:]}
}

func recoverySigner(t testing.TB, r *recovery.Key) signer {
	t.Helper()
	seed, err := r.ExportSecretFor(recovery.ForLog)
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(seed)
	kid := sha256.Sum256(wire.AppendBound(nil, wire.LabelRecovery, key.Public().(ed25519.PublicKey)))
	return signer{key, kid[:]}
}

func (s signer) public() []byte { return s.key.Public().(ed25519.PublicKey) }

// fields is a payload before it is encoded.
type fields map[uint64]any

// with is the payload with one field another one.
func (f fields) with(key uint64, value any) fields {
	f = maps.Clone(f)
	f[key] = value
	return f
}

func (f fields) encode(t testing.TB) []byte {
	t.Helper()
	b, err := wire.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// recordAAD is the external_aad of a record.
func recordAAD() []byte { return wire.AppendBound(nil, wire.LabelDevice) }

// forgeRecord signs a record, whose key ID is the hash of its payload.
func forgeRecord(t testing.TB, key ed25519.PrivateKey, f fields) []byte {
	t.Helper()
	payload := f.encode(t)
	kid := sha256.Sum256(payload)
	return sign1(signer{key, kid[:]}, wire.LabelDevice, recordAAD(), payload).bytes()
}

// stranger is a device of user's that has a record and that no log knows.
type stranger struct {
	signer
	fields fields
	record []byte
}

func newStranger(t testing.TB, user string) stranger {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 16)
	rand.Read(id)
	f := fields{1: user, 2: id, 3: []byte(public), 4: 1, 5: start.Unix()}
	return strangerOf(t, key, f)
}

func (s stranger) id() device.ID { return device.ID(s.fields[2].([]byte)) }

// strangerOf has the record of given fields.
func strangerOf(t testing.TB, key ed25519.PrivateKey, f fields) stranger {
	t.Helper()
	kid := sha256.Sum256(f.encode(t))
	return stranger{signer{key, kid[:]}, f, forgeRecord(t, key, f)}
}

// entryAAD is the external_aad of a user's log entries.
func entryAAD(user string) []byte {
	return wire.AppendText(wire.AppendText([]byte{0x82}, wire.LabelDeviceLog), user)
}

// The operations of a log.
const (
	opRoot = iota
	opAdd
	opRevoke
	opUpdate
	opRecover
	opSetRecovery
)

// entry is the payload of an entry that follows others of alice's.
func entry(before [][]byte, op int, arg, recoveryKey []byte) fields {
	f := fields{1: alice, 2: len(before), 3: make([]byte, sha256.Size), 4: op, 5: nil, 6: start.Unix(), 7: nil}
	if len(before) > 0 {
		prev := sha256.Sum256(before[len(before)-1])
		f[3] = prev[:]
	}
	if arg != nil {
		f[5] = arg
	}
	if recoveryKey != nil {
		f[7] = recoveryKey
	}
	return f
}

// entry signs an entry.
func (s signer) entry(t testing.TB, f fields) []byte {
	t.Helper()
	return sign1(s, wire.LabelDeviceLog, entryAAD(f[1].(string)), f.encode(t)).bytes()
}

// deviceKeyAAD is the external_aad of a device-key.
func deviceKeyAAD(cert []byte) []byte { return wire.AppendBound(nil, wire.LabelDeviceKey, cert) }

// deviceKey signs a device-key.
func (s signer) deviceKey(t testing.TB, f fields) []byte {
	t.Helper()
	return sign1(s, wire.LabelDeviceKey, deviceKeyAAD(f[1].([]byte)), f.encode(t)).bytes()
}

// registrationAAD is the external_aad of the answer to a server's nonce.
func registrationAAD(server string, nonce []byte) []byte {
	b := wire.AppendText(wire.AppendText([]byte{0x83}, wire.LabelRegistration), server)
	return wire.AppendBytes(b, nonce)
}

// registration signs an answer to the server's question.
func (s signer) registration(t testing.TB, server string, nonce []byte, f fields) []byte {
	t.Helper()
	return sign1(s, wire.LabelRegistration, registrationAAD(server, nonce), f.encode(t)).bytes()
}
