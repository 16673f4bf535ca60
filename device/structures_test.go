package device_test

import (
	"crypto/sha256"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/internal/wire"
)

const (
	server = "https://keys.example"
	suite2 = 2
)

// structures are all that is signed, each where it belongs: alice's log with a founder, a classical device and a hybrid one.
func structures(t *testing.T) []structure {
	t.Helper()
	founder := generate(t, alice, device.Classical)
	h := found(t, founder, recoveryKey(t, 1))
	classical, hybrid := newStranger(t, alice), newStranger(t, alice)
	hybrid = strangerOf(t, hybrid.key, hybrid.fields.with(4, suite2))
	for _, s := range []stranger{classical, hybrid} {
		r, err := device.ParseRecord(alice, s.record)
		if err != nil {
			t.Fatal(err)
		}
		entry, err := h.log.Add(founder, r, start)
		h.take(founder, entry, err)
	}
	by, recovers := signerOf(t, founder), recoverySigner(t, recoveryKey(t, 1))
	next := recoverySigner(t, recoveryKey(t, 2)).public()
	return []structure{
		h.recordAlone(classical), h.recordInEntry(by), h.recordInRegistration(classical),
		h.deviceKeyAlone("device-key", classical, nil), h.deviceKeyAlone("device-key, suite 2", hybrid, hybridKey()),
		h.deviceKeyInRegistration(classical), h.registration(classical),
		rootEntry(t), h.entry("log entry by a device", by, opAdd, newStranger(t, alice).record, nil),
		h.entry("log entry that revokes", by, opRevoke, classical.kid, nil),
		h.entry("log entry that recovers", recovers, opRecover, newStranger(t, alice).record, nil),
		h.entry("log entry that sets the recovery key", recovers, opSetRecovery, nil, next),
	}
}

func hybridKey() []byte { return ecdh.GenerateHybrid().Public().Bytes() }

// record is the structure of a record that s signs.
func (s stranger) structure(t testing.TB, name string, open func([]byte) (bool, error)) structure {
	return structure{
		name: name, label: wire.LabelDevice, limit: device.MaxRecord, pairs: s.fields.pairs(t), open: open,
		forge: func(payload []byte) forged {
			kid := sha256.Sum256(payload)
			return sign1(signer{s.key, kid[:]}, wire.LabelDevice, recordAAD(), payload)
		},
	}
}

func (h *history) recordAlone(s stranger) structure {
	return s.structure(h, "record", func(b []byte) (bool, error) {
		r, err := device.ParseRecord(alice, b)
		return r != nil, err
	})
}

func (h *history) recordInEntry(by signer) structure {
	return newStranger(h, alice).structure(h, "record in a log entry", func(b []byte) (bool, error) {
		l, err := h.log.Extend([][]byte{by.entry(h, entry(h.entries, opAdd, append([]byte{}, b...), nil))})
		return l != nil, err
	})
}

func (h *history) recordInRegistration(s stranger) structure {
	return s.structure(h, "record in a registration", func(b []byte) (bool, error) {
		c := h.challenge()
		f := h.answer(s, c).with(1, append([]byte{}, b...))
		r, err := c.Check(s.registration(h, server, c.Nonce[:], f), h.log, start)
		return r != nil, err
	})
}

func (h *history) deviceKeyAlone(name string, s stranger, xwing []byte) structure {
	return s.deviceKeyStructure(h, name, xwing, func(b []byte) (bool, error) {
		m, err := h.log.AcceptKey(s.id(), b, nil)
		return m != nil, err
	})
}

func (h *history) deviceKeyInRegistration(s stranger) structure {
	return s.deviceKeyStructure(h, "device-key in a registration", nil, func(b []byte) (bool, error) {
		c := h.challenge()
		f := h.answer(s, c).with(6, append([]byte{}, b...))
		r, err := c.Check(s.registration(h, server, c.Nonce[:], f), h.log, start)
		return r != nil, err
	})
}

func (s stranger) deviceKeyStructure(h *history, name string, xwing []byte, open func([]byte) (bool, error)) structure {
	return structure{
		name: name, label: wire.LabelDeviceKey, limit: device.MaxDeviceKey, open: open,
		pairs: h.deviceKey(s.signer, xwing).pairs(h),
		forge: func(payload []byte) forged { return sign1(s.signer, wire.LabelDeviceKey, deviceKeyAAD(s.kid), payload) },
	}
}

// deviceKey is the payload of a good device-key.
func (h *history) deviceKey(s signer, xwing []byte) fields {
	pin := h.log.Pin()
	f := fields{
		1: s.kid, 2: 0, 3: ecdh.Generate().Public().Bytes(), 4: nil, 5: start.Unix(), 6: pin.Seq, 7: pin.Head[:],
	}
	if xwing != nil {
		f[4] = xwing
	}
	return f
}

func (h *history) challenge() *device.Challenge {
	h.Helper()
	c, err := device.NewChallenge(server, alice, start)
	if err != nil {
		h.Fatal(err)
	}
	return c
}

// answer is the payload of a good answer by the device that entry 1 admits.
func (h *history) answer(s stranger, c *device.Challenge) fields {
	admits := sha256.Sum256(h.entries[1])
	return fields{
		1: s.record, 2: c.Nonce[:], 3: c.Server, 4: start.Unix(), 5: admits[:],
		6: s.deviceKey(h, h.deviceKey(s.signer, nil)),
	}
}

func (h *history) registration(s stranger) structure {
	c := h.challenge()
	return structure{
		name: "registration", label: wire.LabelRegistration, limit: device.MaxRegistration, pairs: h.answer(s, c).pairs(h),
		forge: func(payload []byte) forged {
			return sign1(s.signer, wire.LabelRegistration, registrationAAD(server, c.Nonce[:]), payload)
		},
		open: func(b []byte) (bool, error) {
			again := &device.Challenge{Server: c.Server, User: c.User, Nonce: c.Nonce, Made: c.Made}
			r, err := again.Check(b, h.log, start)
			return r != nil, err
		},
	}
}

func rootEntry(t testing.TB) structure {
	s := newStranger(t, alice)
	return entryStructure(t, "first log entry", s.signer, entry(nil, opRoot, s.record, nil),
		func(b []byte) (bool, error) {
			l, err := device.Verify(alice, [][]byte{b})
			return l != nil, err
		})
}

func (h *history) entry(name string, by signer, op int, arg, recoveryKey []byte) structure {
	return entryStructure(h, name, by, entry(h.entries, op, arg, recoveryKey), func(b []byte) (bool, error) {
		l, err := h.log.Extend([][]byte{b})
		return l != nil, err
	})
}

func entryStructure(t testing.TB, name string, by signer, f fields, open func([]byte) (bool, error)) structure {
	return structure{
		name: name, label: wire.LabelDeviceLog, limit: device.MaxEntry, pairs: f.pairs(t), open: open,
		forge: func(payload []byte) forged { return sign1(by, wire.LabelDeviceLog, entryAAD(alice), payload) },
	}
}
