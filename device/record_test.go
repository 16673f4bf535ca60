package device_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

// badUsers are no user IDs.
func badUsers() []string {
	return []string{"", strings.Repeat("a", 129), "al\x00ice", "alice\n", "al\u0085ice", "al\xffice", "\xed\xa0\x80"}
}

// goodUsers are user IDs at the edge.
func goodUsers() []string {
	return []string{"a", strings.Repeat("a", 128), strings.Repeat("é", 64), " ", "a/b", "\u202e"}
}

func TestUserIDIsOpaqueText(t *testing.T) {
	for _, user := range goodUsers() {
		k := generate(t, user, device.Hybrid)
		found(t, k, recoveryKey(t, 1))
		if r, err := device.ParseRecord(user, k.Record().Bytes()); err != nil || r.User() != user {
			t.Errorf("%q: %v", user, err)
		}
	}
	for _, user := range badUsers() {
		s := newStranger(t, alice)
		_, err := device.ParseRecord(alice, forgeRecord(t, s.key, s.fields.with(1, user)))
		wantFault(t, err, fault.Malformed)
	}
}

func TestRecordSaysWhatTheDeviceIs(t *testing.T) {
	for _, suite := range []device.Suite{device.Classical, device.Hybrid} {
		k := generate(t, alice, suite)
		for _, r := range []*device.Record{k.Record(), parsed(t, k.Record().Bytes())} {
			if r.User() != alice || r.Suite() != suite || !r.Created().Equal(start) || r.ID() != k.Record().ID() {
				t.Errorf("%s %d %v %s", r.User(), r.Suite(), r.Created(), r.ID())
			}
			s := signerOf(t, k)
			id := r.ID()
			payload := fields{1: alice, 2: id[:], 3: s.public(), 4: uint64(suite), 5: start.Unix()}.encode(t)
			if r.Cert() != sha256.Sum256(payload) || !bytes.Equal(r.Verifier().KeyID(), s.kid) ||
				!bytes.Equal(r.Verifier().PublicKey(), s.public()) {
				t.Error("the CertID is not the hash of the payload, or the verifier is not of the record")
			}
		}
	}
}

func parsed(t testing.TB, b []byte) *device.Record {
	t.Helper()
	r, err := device.ParseRecord(alice, b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRecordRefusesWhatBreaksARule(t *testing.T) {
	s := newStranger(t, alice)
	for _, c := range []struct {
		name string
		key  uint64
		to   any
		want fault.Code
	}{
		{"suite-0", 4, 0, fault.Malformed},
		{"suite-3", 4, 3, fault.UnsupportedVersion},
		{"suite of the far future", 4, uint64(1<<64 - 1), fault.UnsupportedVersion},
		{"another user", 1, bob, fault.UntrustedSigner},
		{"created after 2^53", 5, uint64(1 << 53), fault.Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := forgeRecord(t, s.key, s.fields.with(c.key, c.to))
			r, err := device.ParseRecord(alice, b)
			wantFault(t, err, c.want)
			if r != nil {
				t.Error("a record beside the error")
			}
			w := &scene{writer: writer{TB: t}}
			w.put(strangerOf(t, s.key, s.fields.with(c.key, c.to)).signer, opRoot, b, nil)
			_, err = device.Verify(alice, w.entries)
			wantFault(t, err, c.want)
		})
	}
	if _, err := device.ParseRecord(alice, forgeRecord(t, s.key, s.fields.with(5, uint64(1<<53-1)))); err != nil {
		t.Errorf("created at the limit: %v", err)
	}
}

// Under a key of small order, one signature holds for anything: 14 encodings of 8 points.
func TestRecordRefusesEd25519KeysOfSmallOrder(t *testing.T) {
	for _, y := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		key, err := hex.DecodeString(y)
		if err != nil {
			t.Fatal(err)
		}
		for _, sign := range []byte{0, 0x80} {
			key[31] = key[31]&0x7f | sign
			s := newStranger(t, alice)
			_, err := device.ParseRecord(alice, forgeRecord(t, s.key, s.fields.with(3, key)))
			wantFault(t, err, fault.Malformed)
		}
	}
}

// Times are counted from 1970, below 2^53 seconds.
func TestTimesThatTheFormatsLackAreRefused(t *testing.T) {
	k := generate(t, alice, device.Classical)
	h := found(t, k, nil)
	h.rotate(k, nil, start)
	fresh := generate(t, alice, device.Classical)
	for _, then := range []time.Time{time.Unix(-1, 0), time.Unix(1<<53, 0), {}} {
		for name, err := range map[string]error{
			"Generate":    failure(device.Generate(alice, device.Classical, then)),
			"Found":       failure(fresh.Found(nil, then)),
			"Add":         failure(h.log.Add(k, fresh.Record(), then)),
			"Revoke":      failure(h.log.Revoke(k, k.Record().ID(), then)),
			"Update":      failure(h.log.Update(k, device.Hybrid, then)),
			"SetRecovery": failure(h.log.SetRecovery(k, nil, recoveryKey(t, 1), then)),
			"Rotate":      failure(k.Rotate(h.log, nil, then)),
			"Online":      failure(k.Online(then)),
			"Register":    failure(k.Register(h.log, server, [32]byte{}, then)),
		} {
			t.Run(name, func(t *testing.T) { wantFault(t, err, fault.Misuse) })
		}
	}
	if k.Pending() != nil || fresh.Pending() != nil {
		t.Error("something was signed")
	}
}
