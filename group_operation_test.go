package sotto_test

import (
	"errors"
	"maps"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/trust"
)

// What is done with groups and contacts, for the tests of power cuts and of two processes.
func init() { maps.Copy(operations, groupOperations) }

// the group that a scene is about is the only one.
func (s *scene) group(p *sottotest.Peer) *sotto.Group {
	s.t.Helper()
	all := must(p.Groups(background))
	if len(all) != 1 {
		s.t.Fatalf("%v knows %d groups", p, len(all))
	}
	return all[0]
}

// talk fails the test when alice and bob do not read each other in a group.
func (s *scene) talk(g *sotto.Group) {
	s.t.Helper()
	settle := func() (fromAlice, fromBob int) {
		for p, events := range s.alice.Network().SyncAll() {
			for _, e := range events {
				switch {
				case e.Kind != sotto.KindMessage || e.Why != 0:
				case p == s.bob:
					fromAlice++
				default:
					fromBob++
				}
			}
		}
		return fromAlice, fromBob
	}
	settle()
	s.alice.Say(g.ID(), "from alice")
	s.bob.Say(g.ID(), "from bob")
	if a, b := settle(); a != 1 || b != 1 {
		s.t.Errorf("bob got %d messages, alice %d", a, b)
	}
}

// invitation is bob's new group with alice, as it comes to her.
func (s *scene) invitation() [][]byte {
	s.t.Helper()
	g := must(s.bob.CreateGroup(background, must(s.bob.Contact(background, "alice"))))
	must(g.Seal(background, sotto.NewMessageID(), "", []byte("welcome")))
	return data(must(s.bob.Pending(background)))
}

// did says that an operation was done before.
func did(err error, codes ...fault.Code) error {
	for _, c := range codes {
		if errors.Is(err, c) {
			return nil
		}
	}
	return err
}

var groupOperations = map[string]operation{
	"CreateGroup": {
		do: func(s *scene) error {
			bob, err := s.alice.Contact(background, "bob")
			if err == nil {
				_, err = s.alice.CreateGroup(background, bob)
			}
			return err
		},
		check: func(s *scene) {
			all := must(s.alice.Groups(background)) // two when it was done twice: each is whole
			if len(all) != 1 && len(all) != 2 {
				s.t.Fatalf("%d groups", len(all))
			}
			s.alice.Flush()
			for _, g := range all {
				s.talk(g)
			}
		},
	},
	"Add to a group": {
		prepare: func(s *scene) { must(s.alice.CreateGroup(background)); s.alice.Flush(); s.alice.Sync() },
		do: func(s *scene) error {
			bob, err := s.alice.Contact(background, "bob")
			if err != nil {
				return err
			}
			all, err := s.alice.Groups(background)
			if err != nil {
				return err
			}
			return did(all[0].Add(background, bob), fault.Misuse)
		},
		check: func(s *scene) {
			if n := len(pending(s.t, s.alice, sotto.ParcelGroup)); n != 1 {
				s.t.Errorf("%d entries", n)
			}
		},
	},
	"Settle an entry of a group": {
		prepare: func(s *scene) {
			g := must(s.alice.CreateGroup(background))
			delivered(s.t, s.alice)
			ok(s.t, g.Add(background, must(s.alice.Contact(background, "bob"))))
			s.in = data(pending(s.t, s.alice, sotto.ParcelGroup))
		},
		do: func(s *scene) error {
			if _, err := s.alice.Receive(background, s.in...); err != nil {
				return err
			}
			return s.alice.Upkeep(background, true)
		},
		check: func(s *scene) {
			if st := must(s.group(s.alice).State(background)); st.Pending != 0 || len(st.Members) != 2 {
				s.t.Errorf("state %+v", st)
			}
			if n := len(pending(s.t, s.alice, sotto.ParcelEnvelope)); n != 1 {
				s.t.Errorf("%d sessions for the newcomer", n)
			}
		},
	},
	"Join a group": {
		prepare: func(s *scene) { s.in = s.invitation() },
		do:      func(s *scene) error { _, err := s.alice.Receive(background, s.in...); return err },
		check: func(s *scene) {
			s.group(s.alice)
			if have := texts(must(s.alice.Unread(background))); len(have) != 1 {
				s.t.Errorf("unread %q", have)
			}
		},
	},
	"Join a group piece by piece": {
		prepare: func(s *scene) { s.in = s.invitation() },
		do: func(s *scene) error {
			for i := range s.in {
				if _, err := s.alice.Receive(background, s.in[len(s.in)-1-i]); err != nil {
					return err
				}
			}
			_, err := s.alice.Receive(background, s.in...)
			return err
		},
		check: func(s *scene) {
			s.group(s.alice)
			if have := texts(must(s.alice.Unread(background))); len(have) != 1 {
				s.t.Errorf("unread %q", have)
			}
		},
	},
	"Acknowledge": {
		prepare: func(s *scene) { shows(s.t, s.alice, "bob", nil, fault.Rollback) },
		do: func(s *scene) error {
			bob, err := s.alice.Contact(background, "bob")
			if err != nil {
				return err
			}
			shown, err := bob.Standing(background)
			if err == nil {
				_, err = bob.Acknowledge(background, shown, shown.Pin)
			}
			return err
		},
		check: func(s *scene) {
			if m := must(must(s.alice.Contact(background, "bob")).Standing(background)).Mark; m != trust.Unverified {
				s.t.Errorf("bob is %v", m)
			}
			must(s.seal())
			s.reads()
		},
	},
	"MarkVerified": {
		do: func(s *scene) error {
			bob, err := s.alice.Contact(background, "bob")
			if err != nil {
				return err
			}
			n, err := bob.SafetyNumber(background)
			if err != nil {
				return err
			}
			return n.MarkVerified(background)
		},
		check: func(s *scene) {
			if m := must(must(s.alice.Contact(background, "bob")).Standing(background)).Mark; m != trust.Verified {
				s.t.Errorf("bob is %v", m)
			}
		},
	},
}
