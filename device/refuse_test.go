package device_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/recovery"
)

// What a log would refuse is not even signed.
func TestAuthoringRefusesWhatTheLogWould(t *testing.T) {
	key, old, unknown := recoveryKey(t, 2), recoveryKey(t, 1), recoveryKey(t, 9)
	destroyed := recoveryKey(t, 8)
	destroyed.Destroy()
	phone, laptop, lost := generate(t, alice, device.Classical), generate(t, alice, device.Hybrid), generate(t, alice, device.Classical)
	h := found(t, phone, old)
	h.add(phone, laptop)
	h.add(phone, lost)
	h.revoke(phone, lost)
	entry, err := h.log.SetRecovery(phone, old, key, start)
	h.take(phone, entry, err)
	stale := restored(t, state(t, laptop))
	h.update(laptop, device.Hybrid)
	fresh, bobs := generate(t, alice, device.Classical), generate(t, bob, device.Classical)
	lonely := generate(t, alice, device.Classical)
	none := found(t, lonely, nil)

	for _, c := range []struct {
		name string
		by   *device.Keys
		want fault.Code
		sign func() ([]byte, error)
	}{
		{"a device twice", phone, fault.Malformed, func() ([]byte, error) { return h.log.Add(phone, laptop.Record(), start) }},
		{"a device that was revoked", phone, fault.Malformed, func() ([]byte, error) { return h.log.Add(phone, lost.Record(), start) }},
		{"a device of another user", phone, fault.UntrustedSigner, func() ([]byte, error) { return h.log.Add(phone, bobs.Record(), start) }},
		{"by a revoked device", lost, fault.RevokedDevice, func() ([]byte, error) { return h.log.Add(lost, fresh.Record(), start) }},
		{"by a device not in the log", fresh, fault.UntrustedSigner, func() ([]byte, error) { return h.log.Add(fresh, fresh.Record(), start) }},
		{"under a record that was replaced", stale, fault.UntrustedSigner, func() ([]byte, error) { return h.log.Add(stale, fresh.Record(), start) }},
		{"by a device of another user", bobs, fault.Misuse, func() ([]byte, error) { return h.log.Add(bobs, fresh.Record(), start) }},
		{"revoke an unknown device", phone, fault.Misuse, func() ([]byte, error) { return h.log.Revoke(phone, device.ID{1}, start) }},
		{"revoke twice", phone, fault.Misuse, func() ([]byte, error) { return h.log.Revoke(phone, lost.Record().ID(), start) }},
		{"update by a revoked device", lost, fault.RevokedDevice, func() ([]byte, error) { return h.log.Update(lost, device.Hybrid, start) }},
		{"update to a lower suite", laptop, fault.Malformed, func() ([]byte, error) { return h.log.Update(laptop, device.Classical, start) }},
		{"update to suite 0", laptop, fault.Malformed, func() ([]byte, error) { return h.log.Update(laptop, 0, start) }},
		{"update to suite 3", laptop, fault.UnsupportedVersion, func() ([]byte, error) { return h.log.Update(laptop, 3, start) }},
		{"update to the same record", laptop, fault.Malformed, func() ([]byte, error) {
			return h.log.Update(laptop, laptop.Record().Suite(), laptop.Record().Created())
		}},
		{"update of another user", bobs, fault.Misuse, func() ([]byte, error) { return h.log.Update(bobs, device.Hybrid, start) }},
		{"recover by a replaced key", fresh, fault.UntrustedSigner, func() ([]byte, error) { return h.log.Recover(old, fresh, nil, start) }},
		{"recover by an unknown key", fresh, fault.UntrustedSigner, func() ([]byte, error) { return h.log.Recover(unknown, fresh, nil, start) }},
		{"recover where there is no key", fresh, fault.UntrustedSigner, func() ([]byte, error) { return none.log.Recover(key, fresh, nil, start) }},
		{"recover by a destroyed key", fresh, fault.DestroyedKey, func() ([]byte, error) { return h.log.Recover(destroyed, fresh, nil, start) }},
		{"recover to a destroyed key", fresh, fault.DestroyedKey, func() ([]byte, error) { return h.log.Recover(key, fresh, destroyed, start) }},
		{"recover to the same key", fresh, fault.Malformed, func() ([]byte, error) { return h.log.Recover(key, fresh, key, start) }},
		{"recover to a known device", phone, fault.Malformed, func() ([]byte, error) { return h.log.Recover(key, phone, nil, start) }},
		{"recover another user", bobs, fault.Misuse, func() ([]byte, error) { return h.log.Recover(key, bobs, nil, start) }},
		{"set the recovery key by a device", phone, fault.UntrustedSigner, func() ([]byte, error) {
			return h.log.SetRecovery(phone, nil, unknown, start)
		}},
		{"set the recovery key by a replaced one", phone, fault.UntrustedSigner, func() ([]byte, error) {
			return h.log.SetRecovery(phone, old, unknown, start)
		}},
		{"set the recovery key by none that is", lonely, fault.UntrustedSigner, func() ([]byte, error) {
			return none.log.SetRecovery(lonely, key, unknown, start)
		}},
		{"set the recovery key by a destroyed one", phone, fault.DestroyedKey, func() ([]byte, error) {
			return h.log.SetRecovery(phone, destroyed, unknown, start)
		}},
		{"set a recovery key of before", phone, fault.Malformed, func() ([]byte, error) { return h.log.SetRecovery(phone, key, old, start) }},
		{"set a destroyed recovery key", phone, fault.DestroyedKey, func() ([]byte, error) { return h.log.SetRecovery(phone, key, destroyed, start) }},
		{"found with a destroyed recovery key", fresh, fault.DestroyedKey, func() ([]byte, error) { return fresh.Found(destroyed, start) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, pin := state(t, c.by), h.log.Pin()
			entry, err := c.sign()
			wantFault(t, err, c.want)
			if entry != nil || c.by.Pending() != nil || !bytes.Equal(state(t, c.by), before) || h.log.Pin() != pin {
				t.Error("something was signed")
			}
		})
	}
}

func TestActiveDevicesAreLimited(t *testing.T) {
	k := generate(t, alice, device.Classical)
	h := found(t, k, recoveryKey(t, 1))
	var last *device.Keys
	for range device.MaxActive - 1 {
		last = generate(t, alice, device.Classical)
		h.add(k, last)
	}
	_, err := h.log.Add(k, generate(t, alice, device.Classical).Record(), start)
	wantFault(t, err, fault.OverLimit)
	h.revoke(k, last)
	h.add(k, generate(t, alice, device.Classical))
	h.recover(recoveryKey(t, 1), generate(t, alice, device.Classical), nil) // which ends all of them
}

// No argument that an app may get wrong makes a panic.
func TestNilAndZeroArgumentsAreRefused(t *testing.T) {
	k, r := generate(t, alice, device.Classical), recoveryKey(t, 1)
	h := found(t, k, nil)
	h.rotate(k, nil, start)
	zeroLog, zeroKeys, zeroRecord, zeroRecovery := &device.Log{}, &device.Keys{}, &device.Record{}, &recovery.Key{}
	challenge := func() *device.Challenge { return h.challenge() }
	var none [32]byte
	for name, c := range map[string]struct {
		want fault.Code
		call func() error
	}{
		"Verify nothing":                {fault.Malformed, func() error { _, err := device.Verify(alice, nil); return err }},
		"Verify an empty entry":         {fault.Malformed, func() error { _, err := device.Verify(alice, make([][]byte, 1)); return err }},
		"Resume nothing":                {fault.Malformed, func() error { _, err := device.Resume(alice, nil, device.Pin{}); return err }},
		"Extend by an empty entry":      {fault.Malformed, func() error { _, err := h.log.Extend(make([][]byte, 1)); return err }},
		"Extend a zero log":             {fault.UntrustedSigner, func() error { _, err := zeroLog.Extend(h.entries); return err }},
		"At of a zero log":              {fault.TooFarAhead, func() error { _, err := zeroLog.At(0); return err }},
		"At beyond the log":             {fault.TooFarAhead, func() error { _, err := h.log.At(1<<64 - 1); return err }},
		"Find in a zero log":            {fault.UntrustedSigner, func() error { _, err := zeroLog.Find(k.Record().Cert()); return err }},
		"Find nobody":                   {fault.UntrustedSigner, func() error { _, err := h.log.Find(device.CertID{}); return err }},
		"AcceptKey nothing":             {fault.Malformed, func() error { _, err := h.log.AcceptKey(device.ID{}, nil, nil); return err }},
		"AcceptKey in a zero log":       {fault.UntrustedSigner, func() error { _, err := zeroLog.AcceptKey(k.Record().ID(), k.DeviceKey(), nil); return err }},
		"ParseRecord nothing":           {fault.Malformed, func() error { _, err := device.ParseRecord(alice, nil); return err }},
		"ParseKeys nothing":             {fault.Malformed, func() error { _, err := device.ParseKeys(nil); return err }},
		"Generate suite 0":              {fault.Misuse, func() error { _, err := device.Generate(alice, 0, start); return err }},
		"Generate suite 3":              {fault.Misuse, func() error { _, err := device.Generate(alice, 3, start); return err }},
		"Found by zero keys":            {fault.DestroyedKey, func() error { _, err := zeroKeys.Found(nil, start); return err }},
		"Found with a zero key":         {fault.DestroyedKey, func() error { _, err := k.Found(zeroRecovery, start); return err }},
		"Add nobody":                    {fault.Misuse, func() error { _, err := h.log.Add(k, nil, start); return err }},
		"Add a zero record":             {fault.Malformed, func() error { _, err := h.log.Add(k, zeroRecord, start); return err }},
		"Add by nobody":                 {fault.DestroyedKey, func() error { _, err := h.log.Add(nil, k.Record(), start); return err }},
		"Add by zero keys":              {fault.DestroyedKey, func() error { _, err := h.log.Add(zeroKeys, k.Record(), start); return err }},
		"Add to a zero log":             {fault.Misuse, func() error { _, err := zeroLog.Add(k, k.Record(), start); return err }},
		"Revoke by nobody":              {fault.DestroyedKey, func() error { _, err := h.log.Revoke(nil, k.Record().ID(), start); return err }},
		"Revoke in a zero log":          {fault.Misuse, func() error { _, err := zeroLog.Revoke(k, k.Record().ID(), start); return err }},
		"Update by nobody":              {fault.DestroyedKey, func() error { _, err := h.log.Update(nil, device.Hybrid, start); return err }},
		"Update by zero keys":           {fault.DestroyedKey, func() error { _, err := h.log.Update(zeroKeys, device.Hybrid, start); return err }},
		"Update in a zero log":          {fault.Misuse, func() error { _, err := zeroLog.Update(k, device.Hybrid, start); return err }},
		"Recover by nobody":             {fault.Misuse, func() error { _, err := h.log.Recover(nil, k, nil, start); return err }},
		"Recover by a zero key":         {fault.DestroyedKey, func() error { _, err := h.log.Recover(zeroRecovery, k, nil, start); return err }},
		"Recover to nobody":             {fault.DestroyedKey, func() error { _, err := h.log.Recover(r, nil, nil, start); return err }},
		"Recover to zero keys":          {fault.DestroyedKey, func() error { _, err := h.log.Recover(r, zeroKeys, nil, start); return err }},
		"Recover a zero log":            {fault.Misuse, func() error { _, err := zeroLog.Recover(r, k, nil, start); return err }},
		"SetRecovery to none":           {fault.Misuse, func() error { _, err := h.log.SetRecovery(k, nil, nil, start); return err }},
		"SetRecovery to a zero key":     {fault.DestroyedKey, func() error { _, err := h.log.SetRecovery(k, nil, zeroRecovery, start); return err }},
		"SetRecovery by a zero key":     {fault.DestroyedKey, func() error { _, err := h.log.SetRecovery(k, zeroRecovery, r, start); return err }},
		"SetRecovery by nobody":         {fault.DestroyedKey, func() error { _, err := h.log.SetRecovery(nil, nil, r, start); return err }},
		"SetRecovery kept by nobody":    {fault.DestroyedKey, func() error { _, err := h.log.SetRecovery(nil, r, recoveryKey(t, 2), start); return err }},
		"SetRecovery kept by zero keys": {fault.DestroyedKey, func() error { _, err := h.log.SetRecovery(zeroKeys, r, recoveryKey(t, 2), start); return err }},
		"Settle without a log":          {fault.Misuse, func() error { _, err := k.Settle(nil); return err }},
		"Settle with a zero log":        {fault.Misuse, func() error { _, err := k.Settle(zeroLog); return err }},
		"Settle zero keys":              {fault.DestroyedKey, func() error { _, err := zeroKeys.Settle(h.log); return err }},
		"Online with zero keys":         {fault.DestroyedKey, func() error { _, err := zeroKeys.Online(start); return err }},
		"Rotate without a log":          {fault.Misuse, func() error { _, err := k.Rotate(nil, nil, start); return err }},
		"Rotate with a zero log":        {fault.Misuse, func() error { _, err := k.Rotate(zeroLog, nil, start); return err }},
		"Rotate zero keys":              {fault.DestroyedKey, func() error { _, err := zeroKeys.Rotate(h.log, nil, start); return err }},
		"Export zero keys":              {fault.DestroyedKey, func() error { _, err := zeroKeys.ExportSecretState(); return err }},
		"Register without a log":        {fault.Misuse, func() error { _, err := k.Register(nil, server, none, start); return err }},
		"Register with a zero log":      {fault.UntrustedSigner, func() error { _, err := k.Register(zeroLog, server, none, start); return err }},
		"Register zero keys":            {fault.DestroyedKey, func() error { _, err := zeroKeys.Register(h.log, server, none, start); return err }},
		"Register nowhere":              {fault.Misuse, func() error { _, err := k.Register(h.log, "", none, start); return err }},
		"NewChallenge nowhere":          {fault.Misuse, func() error { _, err := device.NewChallenge("", alice, start); return err }},
		"Check without a log":           {fault.Misuse, func() error { _, err := challenge().Check(nil, nil, start); return err }},
		"Check nothing":                 {fault.Malformed, func() error { _, err := challenge().Check(nil, h.log, start); return err }},
		"Check with a zero log":         {fault.Misuse, func() error { _, err := challenge().Check(nil, zeroLog, start); return err }},
		"Check of a zero challenge":     {fault.Misuse, func() error { _, err := (&device.Challenge{}).Check(nil, h.log, start); return err }},
		"NewRoster of nobody":           {fault.Misuse, func() error { _, err := device.NewRoster(device.Hash{}, 0); return err }},
		"NewRoster of no log":           {fault.Misuse, func() error { _, err := device.NewRoster(device.Hash{}, 0, nil); return err }},
		"NewRoster of a zero log":       {fault.Misuse, func() error { _, err := device.NewRoster(device.Hash{}, 0, h.log, zeroLog); return err }},
	} {
		t.Run(name, func(t *testing.T) { wantFault(t, c.call(), c.want) })
	}
	if k.Pending() != nil {
		t.Error("something was signed")
	}
}

func TestZeroValuesOfferNothing(t *testing.T) {
	l, k, r, m, roster := &device.Log{}, &device.Keys{}, &device.Record{}, &device.MessagingKey{}, &device.Roster{}
	if l.User() != "" || l.Pin() != (device.Pin{}) || len(l.Active()) != 0 || l.HasRecovery() {
		t.Error("a zero log is somebody's")
	}
	l.Anchor()
	if same, err := l.Extend(nil); err != nil || same != l {
		t.Error("a zero log extended by nothing is another one")
	}
	for _, k := range []*device.Keys{k, nil} {
		if k.Record() != nil || k.Pending() != nil || k.DeviceKey() != nil || len(k.KeyIDs()) != 0 || k.RotationDue(start) {
			t.Error("zero keys have keys")
		}
		k.Destroy()
	}
	if r.User() != "" || r.Suite() != 0 || len(r.Bytes()) != 0 || r.Created().After(time.Unix(0, 0)) {
		t.Error("a zero record is somebody's")
	}
	r.ID()
	r.Cert()
	if v := r.Verifier(); v == nil {
		t.Error("the verifier of a zero record panics when it is used")
	}
	if m.X25519() != nil || m.Hybrid() != nil || len(m.Bytes()) != 0 || !m.Stale(start) || m.Seen() != (device.Seen{}) {
		t.Error("a zero messaging key is somebody's")
	}
	if _, in := roster.Find(device.CertID{}); in || len(roster.Certs()) != 0 || len(roster.Heads()) != 0 || roster.Suite() != 0 {
		t.Error("somebody is in a zero roster")
	}
}
