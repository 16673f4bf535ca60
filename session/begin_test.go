package session_test

import (
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
)

func TestPolicyHasLimits(t *testing.T) {
	w := newWorld(t)
	c := w.direct(alice, bob)
	for _, p := range []session.Policy{{1, time.Hour}, {10_000, 30 * 24 * time.Hour}} {
		s := must(session.Begin(w.devices["alice/phone"].keys, c, p, nil, start, w.logs))
		if s.Policy() != p {
			t.Errorf("policy is %v, want %v", s.Policy(), p)
		}
	}
	const hour, day = time.Hour, 24 * time.Hour
	for name, p := range map[string]session.Policy{
		"no messages": {0, day}, "too many messages": {10_001, day}, "no age": {1, 0}, "too short": {1, hour - time.Second},
		"too long": {1, 30*day + time.Second}, "not in seconds": {1, hour + 1}, "negative": {1, -hour}, "very negative": {1, -1 << 63},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := session.Begin(w.devices["alice/phone"].keys, c, p, nil, start, w.logs)
			wantFault(t, err, fault.Misuse)
			if s != nil {
				t.Error("a session beside the error")
			}
		})
	}
}

func TestBeginNeedsItsDeviceInTheLogs(t *testing.T) {
	w := newWorld(t)
	c := w.direct(alice, bob)
	begin := func(k *device.Keys, now time.Time, logs session.Logs) error {
		s, err := session.Begin(k, c, session.DefaultPolicy(), nil, now, logs)
		if s != nil && err != nil {
			t.Error("a session beside the error")
		}
		return err
	}
	keys := w.devices["alice/phone"].keys
	without := func(user string, l *device.Log) session.Logs {
		logs := session.Logs{alice: w.logs[alice], bob: w.logs[bob], carol: w.logs[carol]}
		logs[user] = l
		return logs
	}
	stranger := must(device.Generate(alice, device.Classical, start))
	reset := must(device.Verify(alice, [][]byte{must(stranger.Found(nil, start))}))
	wantFault(t, begin(keys, start, without(bob, nil)), fault.Misuse)
	wantFault(t, begin(keys, start, without(bob, &device.Log{})), fault.IdentityChanged)
	wantFault(t, begin(keys, start, without(alice, reset)), fault.IdentityChanged)
	wantFault(t, begin(keys, time.Unix(-1, 0), w.logs), fault.Misuse)
	wantFault(t, begin(keys, time.Unix(1<<53, 0), w.logs), fault.Misuse)
	wantFault(t, begin(w.devices["carol/phone"].keys, start, w.logs), fault.Misuse)
	wantFault(t, begin(stranger, start, w.logs), fault.Misuse)
	wantFault(t, begin(nil, start, w.logs), fault.DestroyedKey)

	old := must(device.ParseKeys(must(w.devices["alice/laptop"].keys.ExportSecretState())))
	w.update("alice/laptop")
	wantFault(t, begin(old, start, w.logs), fault.Misuse) // Settle comes first
	w.revoke("alice/laptop")
	wantFault(t, begin(w.devices["alice/laptop"].keys, start, w.logs), fault.RevokedDevice)
	wantFault(t, begin(old, start, w.logs), fault.RevokedDevice)
	destroyed := w.devices["bob/phone"].keys
	destroyed.Destroy()
	wantFault(t, begin(destroyed, start, w.logs), fault.DestroyedKey)
	if err := begin(keys, start, w.logs); err != nil {
		t.Error(err)
	}
}

// Every session has its own secret, also when everything else is the same.
func TestEverySessionIsAnother(t *testing.T) {
	w := newWorld(t)
	c := w.direct(alice, bob)
	a, b := w.begin("alice/phone", c), w.begin("alice/phone", c)
	if a.ID() == b.ID() {
		t.Error("one session twice")
	}
	if one, again := w.sealed(a, "bob/phone"), w.sealed(a, "bob/phone"); string(one) == string(again) {
		t.Error("one envelope twice")
	}
}

// What a caller has of a session is his own.
func TestSessionIsImmutable(t *testing.T) {
	w := newWorld(t)
	c := w.group(1, alice, bob)
	prev := session.ID{'p'}
	s := must(session.Begin(w.devices["alice/phone"].keys, c, session.DefaultPolicy(), &prev, start, w.logs))
	prev[0], c.State[0] = 0, 0
	s.State()[0], s.Prev()[0] = 0, 0
	clear(must(s.ExportSecretStatement()))
	if *s.Prev() != (session.ID{'p'}) || *s.State() != (device.Hash{'s', 1}) {
		t.Error("changed from outside")
	}
	w.take("bob/phone", w.sealed(s, "bob/phone"), w.group(1, alice, bob))
}

func TestSealToIsForTheRoster(t *testing.T) {
	w := newWorld(t)
	s := w.begin("alice/phone", w.direct(alice, bob))
	phone := w.devices["bob/phone"].key
	w.add("bob/desk")
	for name, keys := range map[string][]*device.MessagingKey{
		"nobody": nil, "nil": {nil}, "zero": {{}}, "a key twice": {phone, phone}, "another user": {phone, w.devices["carol/phone"].key},
		"a device that came later": {w.devices["bob/desk"].key},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := s.SealTo(keys...)
			wantFault(t, err, fault.Misuse)
			if b != nil {
				t.Error("an envelope beside the error")
			}
		})
	}
}
