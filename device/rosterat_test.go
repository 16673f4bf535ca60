package device_test

import (
	"slices"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
)

// What a log was at an entry does not depend on how it went on.
func TestRosterAtIsThatOfTheLogAsItWas(t *testing.T) {
	s := newScene(t)
	s.put(s.recovery, opRecover, newStranger(t, alice).record, nil)
	s.put(s.recovery, opRecover, newStranger(t, alice).record, nil)
	whole := s.log()
	other := logs(t, 2)
	held := map[string]*device.Log{alice: whole, other[0].User(): other[0], other[1].User(): other[1]}
	for seq := range uint64(len(s.entries)) {
		then := at(t, whole, seq)
		want := roster(t, device.Hash{1}, 7, then, other[0], other[1])
		got, err := device.RosterAt(device.Hash{1}, 7, want.Heads(), held)
		if err != nil {
			t.Fatal(err)
		}
		if got.Hash() != want.Hash() || !slices.Equal(got.Heads(), want.Heads()) || !slices.Equal(got.Certs(), want.Certs()) ||
			got.Suite() != want.Suite() {
			t.Errorf("after entry %d: another roster", seq)
		}
		for _, r := range then.Active() {
			if found, in := got.Find(r.Cert()); !in || found != r {
				t.Errorf("after entry %d: an active device is not in the roster", seq)
			}
		}
	}
}

func TestRosterAtRefuses(t *testing.T) {
	s := newScene(t)
	l := s.log()
	two := logs(t, 2)
	held := map[string]*device.Log{alice: l, "user 1": two[1], "user 2": two[0]}
	heads := roster(t, device.Hash{}, 0, l, two[0], two[1]).Heads()
	change := func(how func(h []device.Head)) []device.Head {
		h := slices.Clone(heads)
		how(h)
		return h
	}
	for name, c := range map[string]struct {
		heads []device.Head
		logs  map[string]*device.Log
		epoch uint64
		want  fault.Code
	}{
		"no heads":         {nil, held, 0, fault.Malformed},
		"epoch of 2^53":    {heads, held, 1 << 53, fault.Malformed},
		"not in order":     {change(slices.Reverse), held, 0, fault.Malformed},
		"a user twice":     {change(func(h []device.Head) { h[1] = h[0] }), held, 0, fault.Malformed},
		"too many users":   {make([]device.Head, device.MaxHeads+1), held, 0, fault.OverLimit},
		"no logs":          {heads, nil, 0, fault.TooFarAhead},
		"a log is missing": {heads, map[string]*device.Log{alice: l, "user 1": two[1]}, 0, fault.TooFarAhead},
		"a log is none":    {heads, map[string]*device.Log{alice: {}, "user 1": two[1], "user 2": two[0]}, 0, fault.TooFarAhead},
		"a log ends before": {heads, map[string]*device.Log{alice: at(t, l, 2), "user 1": two[1], "user 2": two[0]}, 0,
			fault.TooFarAhead},
		"another root":       {change(func(h []device.Head) { h[0].Pin.Root[0] ^= 1 }), held, 0, fault.IdentityChanged},
		"another head":       {change(func(h []device.Head) { h[2].Pin.Head[0] ^= 1 }), held, 0, fault.UntrustedSigner},
		"log of another one": {[]device.Head{{User: "alias", Pin: l.Pin()}}, map[string]*device.Log{"alias": l}, 0, fault.Misuse},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := device.RosterAt(device.Hash{}, c.epoch, c.heads, c.logs)
			wantFault(t, err, c.want)
			if r != nil {
				t.Error("a roster beside the error")
			}
		})
	}
}

func TestHoldsTellsWhatALogHas(t *testing.T) {
	s := newScene(t)
	l := s.log()
	for seq := range uint64(len(s.entries)) {
		if err := l.Holds(at(t, l, seq).Pin()); err != nil {
			t.Errorf("entry %d: %v", seq, err)
		}
	}
	pin := l.Pin()
	ahead, other, reset := pin, pin, pin
	ahead.Seq++
	other.Head[31] ^= 1
	reset.Root[31] ^= 1
	wantFault(t, l.Holds(ahead), fault.TooFarAhead)
	ahead.Seq = 1<<64 - 1
	wantFault(t, l.Holds(ahead), fault.TooFarAhead)
	wantFault(t, l.Holds(other), fault.UntrustedSigner)
	wantFault(t, l.Holds(reset), fault.IdentityChanged)
	wantFault(t, at(t, l, 3).Holds(pin), fault.TooFarAhead)
	wantFault(t, new(device.Log).Holds(device.Pin{}), fault.TooFarAhead)
	wantFault(t, (*device.Log)(nil).Holds(pin), fault.TooFarAhead)
}

// A record that was replaced stands for its device until that is revoked.
func TestStandingOfRecords(t *testing.T) {
	s := newScene(t)
	l := s.log()
	cert := func(d stranger) device.CertID { return device.CertID(d.kid) }
	for _, d := range []stranger{s.founder, s.laptop, s.laptopOld} {
		if err := l.Standing(cert(d)); err != nil {
			t.Error(err)
		}
	}
	for _, d := range []stranger{s.phone, s.phoneOld} {
		wantFault(t, l.Standing(cert(d)), fault.RevokedDevice)
		if err := at(t, l, 3).Standing(cert(d)); err != nil {
			t.Errorf("before it was revoked: %v", err)
		}
	}
	wantFault(t, l.Standing(device.CertID{}), fault.UntrustedSigner)

	for _, d := range []stranger{s.founder, s.laptop, s.laptopOld, s.phone, s.phoneOld} {
		if r, known := l.Known(cert(d)); !known || r.Cert() != cert(d) {
			t.Error("a record of the log is not known")
		}
	}
	if r, known := l.Known(device.CertID{}); known || r != nil {
		t.Error("a record of no log is known")
	}
}

// A device that came and went leaves the same devices: the hash is what it was, the version is not.
func TestRosterVersionTellsOfWhatCameAndWent(t *testing.T) {
	k := generate(t, alice, device.Classical)
	h := found(t, k, nil)
	conversation := device.Hash{7}
	first, err := device.NewRoster(conversation, 0, h.log)
	if err != nil {
		t.Fatal(err)
	}
	other := generate(t, alice, device.Classical)
	h.add(k, other)
	h.revoke(k, other)
	last, err := device.NewRoster(conversation, 0, h.log)
	if err != nil {
		t.Fatal(err)
	}
	if first.Hash() != last.Hash() || first.Version() == last.Version() {
		t.Error("a roster does not tell that a device came and went")
	}
	then, err := device.RosterAt(conversation, 0, first.Heads(), map[string]*device.Log{alice: h.log})
	if err != nil || then.Version() != first.Version() {
		t.Errorf("another version of the same devices at the same entry: %v", err)
	}
	added := last.Heads()
	added[0].Pin.Seq--
	added[0].Pin.Head = device.Hash(sum(h.entries[added[0].Pin.Seq]))
	between, err := device.RosterAt(conversation, 0, added, map[string]*device.Log{alice: h.log})
	if err != nil || between.Version() == last.Version() || between.Version() == first.Version() {
		t.Errorf("the version does not tell that the device was revoked: %v", err)
	}
}
