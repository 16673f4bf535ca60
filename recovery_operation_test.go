package sotto_test

import (
	"maps"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/recovery"
)

// What is done about devices and the recovery key, for the tests of power cuts and of two processes.
func init() { maps.Copy(operations, recoveryOperations) }

// lost lets alice have a tablet with part in her conversation with bob.
func (s *scene) lost() {
	s.t.Helper()
	s.device = s.alice.Join().Device()
	s.alice.Send("bob", "hello")
	s.bob.Sync()
}

// entry is the one log entry that alice offers.
func (s *scene) entry() []byte {
	s.t.Helper()
	all := pending(s.t, s.alice, sotto.ParcelLog)
	if len(all) != 1 {
		s.t.Fatalf("%d entries", len(all))
	}
	return all[0].Data
}

// takes lets alice see that the server has her entry, and bob, too.
func (s *scene) takes(entry []byte) {
	s.t.Helper()
	wantWhy(s.t, receive(s.t, s.alice, entry)[0], 0)
	wantWhy(s.t, receive(s.t, s.bob, entry)[0], 0)
	if n := len(pending(s.t, s.alice, sotto.ParcelLog)); n != 0 {
		s.t.Errorf("%d entries are left", n)
	}
}

// revoke does one step of a revocation.
func (s *scene) revoke() error {
	_, err := s.alice.Revoke(background, s.device)
	return err
}

// revoked fails the test when the device is not out.
func (s *scene) revoked() {
	s.t.Helper()
	if r := must(s.alice.Revoke(background, s.device)); !r.Done() {
		s.t.Errorf("revocation %+v", r)
	}
	must(s.seal())
	s.reads()
	for _, p := range must(s.alice.Pending(background)) {
		for _, id := range p.To {
			if id == s.device {
				s.t.Errorf("%s goes to the revoked device", p.Kind)
			}
		}
	}
}

var recoveryOperations = map[string]operation{
	"Revoke": {
		prepare: (*scene).lost,
		do:      (*scene).revoke,
		check: func(s *scene) {
			s.takes(s.entry())
			s.revoked()
		},
	},
	"Revoke what is listed": {
		prepare: func(s *scene) {
			s.lost()
			ok(s.t, s.revoke())
			s.takes(s.entry())
		},
		do:    (*scene).revoke,
		check: (*scene).revoked,
	},
	"Revoke after another entry": {
		prepare: func(s *scene) {
			laptop := s.alice.Join()
			s.lost()
			ok(s.t, s.revoke())
			s.record = s.entry()
			ok(s.t, laptop.Admit(background, must(device.Generate("alice", device.Classical, start)).Record().Bytes()))
			s.in = [][]byte{pending(s.t, laptop, sotto.ParcelLog)[0].Data}
			receive(s.t, s.bob, s.in...)
		},
		do: func(s *scene) error { _, err := s.alice.Receive(background, s.in...); return err },
		check: func(s *scene) {
			again := s.entry()
			if string(again) == string(s.record) {
				s.t.Error("the entry that lost its place is offered still")
			}
			s.takes(again)
			s.revoked()
		},
	},
	"Recover": {
		prepare: func(s *scene) {
			s.key = withRecovery(s.t, s.alice)
			must(s.seal())
		},
		do: func(s *scene) error { return did(s.alice.Recover(background, s.key, nil), fault.Misuse) },
		check: func(s *scene) {
			s.takes(s.entry())
			ok(s.t, s.alice.Upkeep(background, true))
			s.reads()
			l := must(device.Verify("alice", must(contact(s.bob, "alice").Log(background))))
			if active := l.Active(); len(active) != 1 || active[0].ID() != s.alice.Device() {
				s.t.Errorf("%d devices are active", len(active))
			}
		},
	},
	"Settle a recovery": {
		prepare: func(s *scene) {
			s.key = withRecovery(s.t, s.alice)
			must(s.seal())
			ok(s.t, s.alice.Recover(background, s.key, nil))
			s.in = [][]byte{s.entry()}
			receive(s.t, s.bob, s.in...)
		},
		do: func(s *scene) error {
			if _, err := s.alice.Receive(background, s.in...); err != nil {
				return err
			}
			return s.alice.Upkeep(background, true)
		},
		check: func(s *scene) {
			if n := len(pending(s.t, s.alice, sotto.ParcelKey)); n != 1 {
				s.t.Errorf("%d messaging keys", n)
			}
			s.reads()
		},
	},
	"SetRecovery": {
		prepare: func(s *scene) { s.key = recovery.Generate() },
		do:      func(s *scene) error { return did(s.alice.SetRecovery(background, nil, s.key), fault.Misuse) },
		check: func(s *scene) {
			s.takes(s.entry())
			ok(s.t, must(device.Verify("alice", must(contact(s.bob, "alice").Log(background)))).CheckRecovery(s.key))
		},
	},
}
