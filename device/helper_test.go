package device_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/internal/faulttest"
	"github.com/sottokit/sotto/recovery"
)

var wantFault = faulttest.Want

const (
	alice = "alice"
	bob   = "bob"
)

// start is when everything begins.
var start = time.Unix(1_800_000_000, 0)

func generate(t testing.TB, user string, suite device.Suite) *device.Keys {
	t.Helper()
	k, err := device.Generate(user, suite, start)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// recoveryKey is the recovery key of 32 times n.
func recoveryKey(t testing.TB, n byte) *recovery.Key {
	t.Helper()
	k, err := recovery.NewKey(bytes.Repeat([]byte{n}, recovery.Size))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func verify(t testing.TB, user string, entries ...[]byte) *device.Log {
	t.Helper()
	l, err := device.Verify(user, entries)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// at is the log after its entry seq.
func at(t testing.TB, l *device.Log, seq uint64) *device.Log {
	t.Helper()
	then, err := l.At(seq)
	if err != nil {
		t.Fatal(err)
	}
	return then
}

// history is a user's log that honest devices write, as the server has it.
type history struct {
	testing.TB
	log     *device.Log
	entries [][]byte
}

// found begins the log of a device's user.
func found(t testing.TB, k *device.Keys, r *recovery.Key) *history {
	t.Helper()
	root, err := k.Found(r, start)
	if err != nil {
		t.Fatal(err)
	}
	h := &history{t, verify(t, k.Record().User(), root), [][]byte{root}}
	h.settle(k)
	return h
}

// take puts a new entry into the log and settles it with the keys that keep it as pending.
func (h *history) take(k *device.Keys, entry []byte, err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
	if h.log, err = h.log.Extend([][]byte{entry}); err != nil {
		h.Fatal(err)
	}
	h.entries = append(h.entries, entry)
	h.settle(k)
}

func (h *history) settle(k *device.Keys) {
	h.Helper()
	if changed, err := k.Settle(h.log); err != nil || !changed || k.Pending() != nil {
		h.Fatalf("not settled: %t, %v", changed, err)
	}
}

func (h *history) add(by, k *device.Keys) {
	h.Helper()
	entry, err := h.log.Add(by, k.Record(), start)
	h.take(by, entry, err)
}

func (h *history) revoke(by, k *device.Keys) {
	h.Helper()
	entry, err := h.log.Revoke(by, k.Record().ID(), start)
	h.take(by, entry, err)
}

func (h *history) update(by *device.Keys, suite device.Suite) {
	h.Helper()
	entry, err := h.log.Update(by, suite, start.Add(time.Duration(len(h.entries))*time.Hour))
	h.take(by, entry, err)
}

func (h *history) recover(by *recovery.Key, k *device.Keys, next *recovery.Key) {
	h.Helper()
	entry, err := h.log.Recover(k, by, next, start)
	h.take(k, entry, err)
}

// rotate makes and returns a device-key.
func (h *history) rotate(k *device.Keys, published []byte, now time.Time) []byte {
	h.Helper()
	b, err := k.Rotate(h.log, published, now)
	if err != nil {
		h.Fatal(err)
	}
	return b
}

// accept is the messaging key of an acceptable device-key.
func (h *history) accept(of device.ID, deviceKey []byte) *device.MessagingKey {
	h.Helper()
	m, err := h.log.AcceptKey(of, deviceKey, nil)
	if err != nil {
		h.Fatal(err)
	}
	return m
}

// state exports keys.
func state(t testing.TB, k *device.Keys) []byte {
	t.Helper()
	b, err := k.ExportSecretState()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// restored is what the keys of a state are.
func restored(t testing.TB, state []byte) *device.Keys {
	t.Helper()
	k, err := device.ParseKeys(state)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
