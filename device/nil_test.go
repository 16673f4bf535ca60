package device_test

import (
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/recovery"
)

// No argument that an app may get wrong makes a panic.
func TestNilAndZeroArgumentsAreRefused(t *testing.T) {
	k, r := generate(t, alice, device.Classical), recoveryKey(t, 1)
	h := found(t, k, nil)
	h.rotate(k, nil, start)
	zeroLog, zeroKeys, zeroRecord, zeroRecovery := &device.Log{}, &device.Keys{}, &device.Record{}, &recovery.Key{}
	var none [32]byte
	for name, c := range map[string]struct {
		want fault.Code
		err  error
	}{
		"Verify nothing":                {fault.Malformed, failure(device.Verify(alice, nil))},
		"Verify an empty entry":         {fault.Malformed, failure(device.Verify(alice, make([][]byte, 1)))},
		"Resume nothing":                {fault.Malformed, failure(device.Resume(alice, nil, device.Pin{}))},
		"Extend by an empty entry":      {fault.Malformed, failure(h.log.Extend(make([][]byte, 1)))},
		"Extend a zero log":             {fault.UntrustedSigner, failure(zeroLog.Extend(h.entries))},
		"At of a zero log":              {fault.TooFarAhead, failure(zeroLog.At(0))},
		"At beyond the log":             {fault.TooFarAhead, failure(h.log.At(1<<64 - 1))},
		"Find in a zero log":            {fault.UntrustedSigner, failure(zeroLog.Find(k.Record().Cert()))},
		"Find nobody":                   {fault.UntrustedSigner, failure(h.log.Find(device.CertID{}))},
		"AcceptKey nothing":             {fault.Malformed, failure(h.log.AcceptKey(device.ID{}, nil, nil))},
		"AcceptKey in a zero log":       {fault.UntrustedSigner, failure(zeroLog.AcceptKey(k.Record().ID(), k.DeviceKey(), nil))},
		"ParseRecord nothing":           {fault.Malformed, failure(device.ParseRecord(alice, nil))},
		"ParseKeys nothing":             {fault.Malformed, failure(device.ParseKeys(nil))},
		"Generate suite 0":              {fault.Misuse, failure(device.Generate(alice, 0, start))},
		"Generate suite 3":              {fault.Misuse, failure(device.Generate(alice, 3, start))},
		"Found by zero keys":            {fault.DestroyedKey, failure(zeroKeys.Found(nil, start))},
		"Found with a zero key":         {fault.DestroyedKey, failure(k.Found(zeroRecovery, start))},
		"Add nobody":                    {fault.Misuse, failure(h.log.Add(k, nil, start))},
		"Add a zero record":             {fault.Malformed, failure(h.log.Add(k, zeroRecord, start))},
		"Add by nobody":                 {fault.DestroyedKey, failure(h.log.Add(nil, k.Record(), start))},
		"Add by zero keys":              {fault.DestroyedKey, failure(h.log.Add(zeroKeys, k.Record(), start))},
		"Add to a zero log":             {fault.Misuse, failure(zeroLog.Add(k, k.Record(), start))},
		"Revoke by nobody":              {fault.DestroyedKey, failure(h.log.Revoke(nil, k.Record().ID(), start))},
		"Revoke in a zero log":          {fault.Misuse, failure(zeroLog.Revoke(k, k.Record().ID(), start))},
		"Update by nobody":              {fault.DestroyedKey, failure(h.log.Update(nil, device.Hybrid, start))},
		"Update by zero keys":           {fault.DestroyedKey, failure(h.log.Update(zeroKeys, device.Hybrid, start))},
		"Update in a zero log":          {fault.Misuse, failure(zeroLog.Update(k, device.Hybrid, start))},
		"Recover by nobody":             {fault.Misuse, failure(h.log.Recover(k, nil, nil, start))},
		"Recover by a zero key":         {fault.DestroyedKey, failure(h.log.Recover(k, zeroRecovery, nil, start))},
		"Recover to nobody":             {fault.DestroyedKey, failure(h.log.Recover(nil, r, nil, start))},
		"Recover to zero keys":          {fault.DestroyedKey, failure(h.log.Recover(zeroKeys, r, nil, start))},
		"Recover a zero log":            {fault.Misuse, failure(zeroLog.Recover(k, r, nil, start))},
		"SetRecovery to none":           {fault.Misuse, failure(h.log.SetRecovery(k, nil, nil, start))},
		"SetRecovery to a zero key":     {fault.DestroyedKey, failure(h.log.SetRecovery(k, nil, zeroRecovery, start))},
		"SetRecovery by a zero key":     {fault.DestroyedKey, failure(h.log.SetRecovery(k, zeroRecovery, r, start))},
		"SetRecovery by nobody":         {fault.DestroyedKey, failure(h.log.SetRecovery(nil, nil, r, start))},
		"SetRecovery kept by nobody":    {fault.DestroyedKey, failure(h.log.SetRecovery(nil, r, recoveryKey(t, 2), start))},
		"SetRecovery kept by zero keys": {fault.DestroyedKey, failure(h.log.SetRecovery(zeroKeys, r, recoveryKey(t, 2), start))},
		"Settle without a log":          {fault.Misuse, failure(k.Settle(nil))},
		"Settle with a zero log":        {fault.Misuse, failure(k.Settle(zeroLog))},
		"Settle zero keys":              {fault.DestroyedKey, failure(zeroKeys.Settle(h.log))},
		"Online with zero keys":         {fault.DestroyedKey, failure(zeroKeys.Online(start))},
		"Rotate without a log":          {fault.Misuse, failure(k.Rotate(nil, nil, start))},
		"Rotate with a zero log":        {fault.Misuse, failure(k.Rotate(zeroLog, nil, start))},
		"Rotate zero keys":              {fault.DestroyedKey, failure(zeroKeys.Rotate(h.log, nil, start))},
		"Export zero keys":              {fault.DestroyedKey, failure(zeroKeys.ExportSecretState())},
		"Register without a log":        {fault.Misuse, failure(k.Register(nil, server, none, start))},
		"Register with a zero log":      {fault.UntrustedSigner, failure(k.Register(zeroLog, server, none, start))},
		"Register zero keys":            {fault.DestroyedKey, failure(zeroKeys.Register(h.log, server, none, start))},
		"Register nowhere":              {fault.Misuse, failure(k.Register(h.log, "", none, start))},
		"NewChallenge nowhere":          {fault.Misuse, failure(device.NewChallenge("", alice, start))},
		"Check without a log":           {fault.Misuse, failure(h.challenge().Check(nil, nil, start))},
		"Check nothing":                 {fault.Malformed, failure(h.challenge().Check(nil, h.log, start))},
		"Check with a zero log":         {fault.Misuse, failure(h.challenge().Check(nil, zeroLog, start))},
		"Check of a zero challenge":     {fault.Misuse, failure((&device.Challenge{}).Check(nil, h.log, start))},
		"NewRoster of nobody":           {fault.Misuse, failure(device.NewRoster(device.Hash{}, 0))},
		"NewRoster of no log":           {fault.Misuse, failure(device.NewRoster(device.Hash{}, 0, nil))},
		"NewRoster of a zero log":       {fault.Misuse, failure(device.NewRoster(device.Hash{}, 0, h.log, zeroLog))},
	} {
		t.Run(name, func(t *testing.T) { wantFault(t, c.err, c.want) })
	}
	if k.Pending() != nil {
		t.Error("something was signed")
	}
}

// failure is the error of a call whose result does not matter.
func failure[T any](_ T, err error) error { return err }

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
