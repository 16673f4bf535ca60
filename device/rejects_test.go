package device_test

import (
	"crypto/rand"
	"crypto/sha256"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

// next is the payload of the next entry that adds a new device.
func (s *scene) next() fields { return entry(s.entries, opAdd, newStranger(s, alice).record, nil) }

// chainRejects break the chain of the entries.
func chainRejects() []reject {
	last := func(s *scene, n int) []byte {
		h := sha256.Sum256(s.entries[len(s.entries)-n])
		return h[:]
	}
	return []reject{
		{name: "seq-gap", want: fault.TooFarAhead, put: func(s *scene) {
			s.putFields(s.founder.signer, s.next().with(2, len(s.entries)+1))
		}},
		{name: "seq-repeat", want: fault.Malformed, put: func(s *scene) {
			s.putFields(s.founder.signer, s.next().with(2, len(s.entries)-1).with(3, last(s, 2)))
		}},
		{name: "prev-wrong", want: fault.Malformed, put: func(s *scene) {
			s.putFields(s.founder.signer, s.next().with(3, last(s, 2)))
		}},
		{name: "root-twice", want: fault.Malformed, put: func(s *scene) {
			n := newStranger(s, alice)
			s.put(n.signer, opRoot, n.record, nil)
		}},
		{name: "user-id-differs", want: fault.UntrustedSigner, put: func(s *scene) {
			s.putFields(s.founder.signer, s.next().with(1, bob).with(5, newStranger(s, bob).record))
		}},
		{name: "operation-of-a-newer-version", want: fault.UnsupportedVersion, put: func(s *scene) {
			s.putFields(s.founder.signer, s.next().with(4, opSetRecovery+1))
		}},
	}
}

// signerRejects are signed by the wrong one.
func signerRejects() []reject {
	return []reject{
		{name: "signer-unknown", want: fault.UntrustedSigner, put: func(s *scene) {
			s.putFields(newStranger(s, alice).signer, s.next())
		}},
		{name: "signer-revoked", want: fault.RevokedDevice, put: func(s *scene) { s.putFields(s.phone.signer, s.next()) }},
		{name: "old-cert-id-after-revoke", want: fault.RevokedDevice, put: func(s *scene) {
			s.putFields(s.phoneOld.signer, s.next())
		}},
		{name: "old-cert-id-after-update", want: fault.UntrustedSigner, put: func(s *scene) {
			s.putFields(s.laptopOld.signer, s.next())
		}},
		{name: "signer-added-later", want: fault.UntrustedSigner, put: func(s *scene) {
			n := newStranger(s, alice)
			s.putFields(n.signer, s.next())
			s.put(s.founder.signer, opAdd, n.record, nil)
		}},
		{name: "signature-by-other", want: fault.UntrustedSigner, put: func(s *scene) {
			s.putFields(signer{newStranger(s, alice).key, s.founder.kid}, s.next())
		}},
		{name: "record-signature-by-other", want: fault.UntrustedSigner, put: func(s *scene) {
			n := newStranger(s, alice)
			s.put(s.founder.signer, opAdd, forgedRecord(s, n).bytes(), nil)
		}},
		{name: "recover-by-device", want: fault.UntrustedSigner, put: func(s *scene) {
			s.put(s.founder.signer, opRecover, newStranger(s, alice).record, nil)
		}},
		{name: "recover-by-revoked-device", want: fault.UntrustedSigner, put: func(s *scene) {
			s.put(s.phone.signer, opRecover, newStranger(s, alice).record, nil)
		}},
		{name: "recover-by-old-recovery-key", want: fault.UntrustedSigner, put: func(s *scene) {
			s.put(s.recoveryOld, opRecover, newStranger(s, alice).record, nil)
		}},
		{name: "recover-by-unknown-key", want: fault.UntrustedSigner, put: func(s *scene) {
			s.put(recoverySigner(s, recoveryKey(s, 9)), opRecover, newStranger(s, alice).record, nil)
		}},
		{name: "recover-without-recovery-key", want: fault.UntrustedSigner, bare: true, put: func(s *scene) {
			s.put(s.recovery, opRecover, newStranger(s, alice).record, nil)
		}},
		{name: "set-recovery-by-device-when-set", want: fault.UntrustedSigner, put: func(s *scene) {
			s.put(s.founder.signer, opSetRecovery, nil, recoverySigner(s, recoveryKey(s, 9)).public())
		}},
		{name: "update-by-other-device", want: fault.UntrustedSigner, put: func(s *scene) {
			s.put(s.founder.signer, opUpdate, s.laptop.renewed(s, suite2).record, nil)
		}},
	}
}

// forgedRecord has everything of a stranger's record but the signature.
func forgedRecord(s *scene, n stranger) forged {
	return sign1(signer{s.founder.key, n.kid}, "sotto/v1.device", recordAAD(), n.fields.encode(s))
}

// deviceRejects are about the device that comes or goes.
func deviceRejects() []reject {
	add := func(s *scene, record []byte) { s.put(s.founder.signer, opAdd, record, nil) }
	update := func(s *scene, key uint64, value any) {
		s.put(s.laptop.signer, opUpdate, strangerOf(s, s.laptop.key, s.laptop.fields.with(key, value)).record, nil)
	}
	return []reject{
		{name: "record-of-other-user", want: fault.UntrustedSigner, put: func(s *scene) { add(s, newStranger(s, bob).record) }},
		{name: "add-without-record", want: fault.Malformed, put: func(s *scene) { add(s, nil) }},
		{name: "add-reuses-device-id", want: fault.Malformed, put: func(s *scene) {
			n := newStranger(s, alice)
			add(s, strangerOf(s, n.key, n.fields.with(2, s.phone.fields[2])).record)
		}},
		{name: "add-reuses-id-of-active", want: fault.Malformed, put: func(s *scene) {
			n := newStranger(s, alice)
			add(s, strangerOf(s, n.key, n.fields.with(2, s.founder.fields[2])).record)
		}},
		{name: "add-reuses-key", want: fault.Malformed, put: func(s *scene) {
			add(s, strangerOf(s, s.phone.key, newStranger(s, alice).fields.with(3, s.phone.public())).record)
		}},
		{name: "add-reuses-key-of-recovery", want: fault.Malformed, put: func(s *scene) {
			add(s, strangerOf(s, s.recoveryOld.key, newStranger(s, alice).fields.with(3, s.recoveryOld.public())).record)
		}},
		{name: "recover-to-known-device", want: fault.Malformed, put: func(s *scene) {
			s.put(s.recovery, opRecover, s.founder.renewed(s, suite2).record, nil)
		}},
		{name: "more-than-32-active", want: fault.OverLimit, put: func(s *scene) {
			for range device.MaxActive - 1 { // two are there
				add(s, newStranger(s, alice).record)
			}
		}},
		{name: "revoke-unknown", want: fault.Malformed, put: func(s *scene) {
			s.put(s.founder.signer, opRevoke, newStranger(s, alice).kid, nil)
		}},
		{name: "revoke-twice", want: fault.Malformed, put: func(s *scene) { s.put(s.founder.signer, opRevoke, s.phone.kid, nil) }},
		{name: "revoke-of-old-cert-id", want: fault.Malformed, put: func(s *scene) {
			s.put(s.founder.signer, opRevoke, s.laptopOld.kid, nil)
		}},
		{name: "revoke-without-cert-id", want: fault.Malformed, put: func(s *scene) { s.put(s.founder.signer, opRevoke, nil, nil) }},
		{name: "update-without-record", want: fault.Malformed, put: func(s *scene) { s.put(s.founder.signer, opUpdate, nil, nil) }},
		{name: "update-other-key", want: fault.Malformed, put: func(s *scene) {
			n := newStranger(s, alice)
			s.put(s.laptop.signer, opUpdate, strangerOf(s, n.key, s.laptop.fields.with(3, n.public())).record, nil)
		}},
		{name: "update-suite-lower", want: fault.Malformed, put: func(s *scene) { update(s, 4, 1) }},
		{name: "update-same-cert-id", want: fault.Malformed, put: func(s *scene) {
			s.put(s.laptop.signer, opUpdate, s.laptop.record, nil)
		}},
		{name: "update-to-older-record", want: fault.Malformed, put: func(s *scene) {
			newer := s.laptop.renewed(s, suite2)
			s.put(s.laptop.signer, opUpdate, newer.record, nil)
			s.put(newer.signer, opUpdate, s.laptop.record, nil)
		}},
		{name: "update-to-other-device-id", want: fault.UntrustedSigner, put: func(s *scene) { update(s, 2, random(16)) }},
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// recoveryRejects are about the recovery key.
func recoveryRejects() []reject {
	public := func(s *scene, n byte) []byte { return recoverySigner(s, recoveryKey(s, n)).public() }
	return []reject{
		{name: "field7-on-other-op", want: fault.Malformed, put: func(s *scene) {
			s.putFields(s.founder.signer, s.next().with(7, public(s, 9)))
		}},
		{name: "field7-on-revoke", want: fault.Malformed, put: func(s *scene) {
			s.put(s.founder.signer, opRevoke, s.laptop.kid, public(s, 9))
		}},
		{name: "field7-on-update", want: fault.Malformed, put: func(s *scene) {
			s.put(s.laptop.signer, opUpdate, s.laptop.renewed(s, suite2).record, public(s, 9))
		}},
		{name: "set-recovery-without-key", want: fault.Malformed, put: func(s *scene) { s.put(s.recovery, opSetRecovery, nil, nil) }},
		{name: "set-recovery-with-arg", want: fault.Malformed, put: func(s *scene) {
			s.put(s.recovery, opSetRecovery, s.founder.kid, public(s, 9))
		}},
		{name: "set-recovery-to-key-from-before", want: fault.Malformed, put: func(s *scene) {
			s.put(s.recovery, opSetRecovery, nil, s.recoveryOld.public())
		}},
		{name: "set-recovery-to-key-of-device", want: fault.Malformed, put: func(s *scene) {
			s.put(s.recovery, opSetRecovery, nil, s.phone.public())
		}},
		{name: "set-recovery-to-small-order", want: fault.Malformed, put: func(s *scene) {
			s.put(s.recovery, opSetRecovery, nil, make([]byte, 32))
		}},
	}
}
