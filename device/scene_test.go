package device_test

import (
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/sottokit/sotto/device"
)

// writer writes a log of alice's and asks nobody whether it may.
type writer struct {
	testing.TB
	entries [][]byte
}

func (w *writer) put(by signer, op int, arg, recoveryKey []byte) {
	w.Helper()
	w.entries = append(w.entries, by.entry(w, entry(w.entries, op, arg, recoveryKey)))
}

// putFields signs the next entry after a change.
func (w *writer) putFields(by signer, f fields) {
	w.Helper()
	w.entries = append(w.entries, by.entry(w, f))
}

// branch is another writer on the same first n entries.
func (w *writer) branch(n int) *writer { return &writer{w.TB, slices.Clone(w.entries[:n])} }

func (w *writer) log() *device.Log {
	w.Helper()
	return verify(w, alice, w.entries...)
}

// pin is the pin of the log, if it is one.
func (w *writer) pin() device.Pin {
	n := len(w.entries)
	return device.Pin{Root: sha256.Sum256(w.entries[0]), Head: sha256.Sum256(w.entries[n-1]), Seq: uint64(n - 1)}
}

// renewed is the device with a later record.
func (s stranger) renewed(t testing.TB, suite int) stranger {
	t.Helper()
	return strangerOf(t, s.key, s.fields.with(4, suite).with(5, s.fields[5].(int64)+1))
}

// scene is a log in which everything happened once. Active are founder and laptop.
type scene struct {
	writer
	founder, laptopOld, laptop, phoneOld, phone stranger
	recoveryOld, recovery                       signer
}

func newScene(t testing.TB) *scene {
	t.Helper()
	return sceneOf(t, newStranger(t, alice), newStranger(t, alice), newStranger(t, alice))
}

func sceneOf(t testing.TB, founder, laptop, phone stranger) *scene {
	t.Helper()
	s := &scene{writer: writer{TB: t}, founder: founder, laptopOld: laptop, phoneOld: phone}
	s.laptop, s.phone = s.laptopOld.renewed(t, suite2), s.phoneOld.renewed(t, suite2)
	s.recoveryOld, s.recovery = recoverySigner(t, recoveryKey(t, 1)), recoverySigner(t, recoveryKey(t, 2))

	s.put(s.founder.signer, opRoot, s.founder.record, s.recoveryOld.public())
	s.put(s.founder.signer, opAdd, s.laptopOld.record, nil)
	s.put(s.laptopOld.signer, opAdd, s.phoneOld.record, nil)
	s.put(s.phoneOld.signer, opUpdate, s.phone.record, nil)
	s.put(s.founder.signer, opRevoke, s.phone.kid, nil)
	s.put(s.recoveryOld, opSetRecovery, nil, s.recovery.public())
	s.put(s.laptopOld.signer, opUpdate, s.laptop.record, nil)
	return s
}

// bare is a log without a recovery key.
func bare(t testing.TB) *scene {
	t.Helper()
	s := &scene{writer: writer{TB: t}, founder: newStranger(t, alice), recovery: recoverySigner(t, recoveryKey(t, 1))}
	s.put(s.founder.signer, opRoot, s.founder.record, nil)
	return s
}
