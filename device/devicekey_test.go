package device_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

// keyScene is a log with a classical and a hybrid device.
func keyScene(t testing.TB) (h *history, classical, hybrid stranger) {
	t.Helper()
	w := bare(t)
	classical, hybrid = w.founder, newStranger(t, alice)
	hybrid = strangerOf(t, hybrid.key, hybrid.fields.with(4, suite2))
	w.put(classical.signer, opAdd, hybrid.record, nil)
	return &history{t, w.log(), w.entries}, classical, hybrid
}

func TestDeviceKeyIsAccepted(t *testing.T) {
	h, classical, hybrid := keyScene(t)
	for _, c := range []struct {
		s     stranger
		xwing []byte
	}{{classical, nil}, {hybrid, hybridKey()}} {
		f := h.deviceKey(c.s.signer, c.xwing).with(2, 7)
		b := c.s.deviceKey(t, f)
		m := h.accept(c.s.id(), b)
		id := sha256.Sum256(f.encode(t))
		if m.ID() != device.KeyID(id[:]) || m.Seen() != (device.Seen{Gen: 7, ID: m.ID()}) || m.Cert() != device.CertID(c.s.kid) ||
			!bytes.Equal(m.X25519().Bytes(), f[3].([]byte)) || !bytes.Equal(m.Bytes(), b) {
			t.Errorf("read as %v", m)
		}
		if (m.Hybrid() == nil) != (c.xwing == nil) || m.Hybrid() != nil && !bytes.Equal(m.Hybrid().Bytes(), c.xwing) {
			t.Error("another hybrid key")
		}
	}
}

func TestDeviceKeyIsRefused(t *testing.T) {
	h, classical, hybrid := keyScene(t)
	other, xwing := newStranger(t, alice), hybridKey()
	lowOrder := append(bytes.Clone(xwing[:1184]), make([]byte, 32)...)
	notCanonical := append(bytes.Repeat([]byte{0xff}, 1184), xwing[1184:]...)
	first, good := sha256.Sum256(h.entries[0]), h.deviceKey(classical.signer, nil)
	reasons := map[string]string{}
	for _, c := range []struct {
		name string
		by   stranger
		f    fields
		want fault.Code
	}{
		{"suite2-without-xwing", hybrid, h.deviceKey(hybrid.signer, nil), fault.Malformed},
		{"suite1-with-xwing", classical, good.with(4, xwing), fault.Malformed},
		{"xwing-length", hybrid, h.deviceKey(hybrid.signer, xwing[1:]), fault.Malformed},
		{"xwing x25519-low-order", hybrid, h.deviceKey(hybrid.signer, lowOrder), fault.Malformed},
		{"xwing ml-kem not canonical", hybrid, h.deviceKey(hybrid.signer, notCanonical), fault.Malformed},
		{"cert-id-other", classical, good.with(1, hybrid.kid), fault.UntrustedSigner},
		{"cert-id unknown", other, good.with(1, other.kid), fault.UntrustedSigner},
		{"head-ahead-of-log", classical, good.with(6, 2), fault.TooFarAhead},
		{"head-far-ahead-of-log", classical, good.with(6, uint64(1<<53-1)), fault.TooFarAhead},
		{"head-conflicts-with-log (no fork)", classical, good.with(7, random(32)), fault.TooFarAhead},
		{"head of another seq (no fork)", classical, good.with(7, first[:]), fault.TooFarAhead},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := h.log.AcceptKey(c.by.id(), c.by.deviceKey(t, c.f), nil)
			wantFault(t, err, c.want)
			if m != nil {
				t.Error("a key beside the error")
			}
			reasons[c.name] = err.Error()
		})
	}
	for name, reason := range reasons {
		for other, same := range reasons {
			twins := name[:4] == other[:4] // two shapes of one condition
			if name != other && reason == same && !twins {
				t.Errorf("%s and %s share a reason: %s", name, other, reason)
			}
		}
	}
}

// The seven u-coordinates of low order, with the ignored top bit clear and set (RFC 7748 §6.1).
func TestDeviceKeyRefusesX25519KeysOfLowOrder(t *testing.T) {
	h, classical, _ := keyScene(t)
	for _, u := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		key, err := hex.DecodeString(u)
		if err != nil {
			t.Fatal(err)
		}
		for _, top := range []byte{0, 0x80} {
			key[31] = key[31]&0x7f | top
			_, err := h.log.AcceptKey(classical.id(), classical.deviceKey(t, h.deviceKey(classical.signer, nil).with(3, key)), nil)
			wantFault(t, err, fault.Malformed)
		}
	}
}

func TestDeviceKeyHangsOnThePresentRecordOfAnActiveDevice(t *testing.T) {
	s := newScene(t)
	h := &history{t, s.log(), s.entries}
	for _, c := range []struct {
		name string
		by   stranger
		want fault.Code
	}{
		{"device-not-active", s.phone, fault.RevokedDevice},
		{"device-not-active, record before an update", s.phoneOld, fault.RevokedDevice},
		{"record before an update", s.laptopOld, fault.UntrustedSigner},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := h.log.AcceptKey(c.by.id(), c.by.deviceKey(t, h.deviceKey(c.by.signer, hybridKey())), nil)
			wantFault(t, err, c.want)
		})
	}
	h.accept(s.laptop.id(), s.laptop.deviceKey(t, h.deviceKey(s.laptop.signer, hybridKey())))
}

func TestDeviceKeyIsOfTheDeviceThatItIsSaidToBeOf(t *testing.T) {
	h, classical, hybrid := keyScene(t)
	b := classical.deviceKey(t, h.deviceKey(classical.signer, nil))
	h.accept(classical.id(), b)
	for _, of := range []device.ID{hybrid.id(), {}, newStranger(t, alice).id()} {
		m, err := h.log.AcceptKey(of, b, nil)
		wantFault(t, err, fault.UntrustedSigner)
		if m != nil {
			t.Error("a key beside the error")
		}
	}
}

// What hangs on an earlier entry is good: the device did not see the newest one yet.
func TestDeviceKeyMayBeBehindTheLog(t *testing.T) {
	h, classical, _ := keyScene(t)
	first := sha256.Sum256(h.entries[0])
	h.accept(classical.id(), classical.deviceKey(t, h.deviceKey(classical.signer, nil).with(6, 0).with(7, first[:])))
}

func TestGenerationsGoUpOnly(t *testing.T) {
	h, classical, _ := keyScene(t)
	of := func(gen uint64) []byte {
		return classical.deviceKey(t, h.deviceKey(classical.signer, nil).with(2, gen))
	}
	b := of(5)
	seen := h.accept(classical.id(), b).Seen()
	for _, c := range []struct {
		name string
		b    []byte
		want fault.Code // 0 for none
	}{
		{"gen-lower", of(4), fault.Rollback},
		{"gen-same-other-bytes", of(5), fault.SenderReset},
		{"the same key again", b, 0},
		{"the next one", of(6), 0},
		{"one far ahead", of(1 << 40), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := h.log.AcceptKey(classical.id(), c.b, &seen)
			if c.want == 0 {
				if err != nil || m == nil {
					t.Error(err)
				}
				return
			}
			wantFault(t, err, c.want)
			if m != nil {
				t.Error("a key beside the error")
			}
		})
	}
	if seen != (device.Seen{Gen: 5, ID: h.accept(classical.id(), b).ID()}) {
		t.Errorf("what was seen changed to %v", seen)
	}
}

func TestKeyIsStaleAfter30Days(t *testing.T) {
	h, classical, _ := keyScene(t)
	m := h.accept(classical.id(), classical.deviceKey(t, h.deviceKey(classical.signer, nil)))
	for age, want := range map[time.Duration]bool{
		0: false, -time.Hour: false, -100 * 365 * 24 * time.Hour: false,
		30*24*time.Hour - time.Second: false, 30 * 24 * time.Hour: false, 30*24*time.Hour + time.Second: true,
		100 * 365 * 24 * time.Hour: true,
	} {
		if m.Stale(start.Add(age)) != want {
			t.Errorf("after %v: stale is %t", age, !want)
		}
	}
	// Dates of another's making never overflow.
	for issued, want := range map[uint64]bool{0: true, 1<<53 - 1: false} {
		m := h.accept(classical.id(), classical.deviceKey(t, h.deviceKey(classical.signer, nil).with(5, issued)))
		if m.Stale(start) != want {
			t.Errorf("issued at %d: stale is %t", issued, !want)
		}
	}
}
