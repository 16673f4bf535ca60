package sotto_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/sottotest"
)

// scene is what an operation of alice's is done on. Doing it again, when it is not known whether it was done, must give the
// same.
type scene struct {
	t          testing.TB
	alice, bob *sottotest.Peer
	id         sotto.MessageID
	in         [][]byte
	events     []sotto.Event
	parcel     sotto.Parcel
	record     []byte
	device     device.ID
	key        *recovery.Key
}

// conversation is that with bob.
func (s *scene) conversation() (*sotto.Conversation, error) {
	contact, err := s.alice.Contact(background, "bob")
	if err != nil {
		return nil, err
	}
	return s.alice.Direct(background, contact)
}

func (s *scene) seal() ([]sotto.Parcel, error) {
	c, err := s.conversation()
	if err != nil {
		return nil, err
	}
	return c.Seal(background, s.id, "text/plain", []byte("text"))
}

// reads fails the test when bob, given everything that waits at alice's, does not read the text exactly once.
func (s *scene) reads() {
	s.t.Helper()
	var have []sotto.Event
	for _, e := range receive(s.t, s.bob, data(must(s.alice.Pending(background)))...) {
		if e.Kind == sotto.KindMessage && e.Message == s.id {
			have = append(have, e)
		}
	}
	if len(have) != 1 || string(have[0].Body) != "text" {
		s.t.Errorf("bob reads %+v", have)
	}
}

// operation is something that an account does, and what must be so after it was done, once or twice.
type operation struct {
	prepare func(s *scene)
	do      func(s *scene) error
	check   func(s *scene)
}

func newScene(t testing.TB, o operation) *scene {
	t.Helper()
	s := &scene{t: t, id: sotto.NewMessageID()}
	s.alice, s.bob = sottotest.Pair(t)
	if o.prepare != nil {
		o.prepare(s)
	}
	return s
}

var operations = map[string]operation{
	"Seal": {
		do: func(s *scene) error { _, err := s.seal(); return err },
		check: func(s *scene) {
			first, again := must(s.seal()), must(s.seal())
			if len(first) != 2 || !bytes.Equal(first[1].Data, again[1].Data) || len(pending(s.t, s.alice, sotto.ParcelMessage)) != 1 {
				s.t.Errorf("parcels %v", kinds(must(s.alice.Pending(background))))
			}
			s.reads()
		},
	},
	"Receive": {
		prepare: func(s *scene) {
			s.in = append(conversation(s.t, s.bob, "alice", 2), s.newDevice()...)
		},
		do: func(s *scene) error { _, err := s.alice.Receive(background, s.in...); return err },
		check: func(s *scene) {
			if have := texts(must(s.alice.Unread(background))); !slices.Equal(have, wantTexts(2)) {
				s.t.Errorf("unread %q", have)
			}
			only(s.t, receive(s.t, s.alice, s.in...), wantTexts(2)...)
			keys := 0
			for _, m := range devicesOf(s.t, must(s.conversation())) {
				if m.HasKey {
					keys++
				}
			}
			if keys != 3 {
				s.t.Errorf("%d devices with keys", keys)
			}
		},
	},
	"Receive messages that wait": {
		prepare: func(s *scene) { s.in = conversation(s.t, s.bob, "alice", 2) },
		do: func(s *scene) error {
			if _, err := s.alice.Receive(background, s.in[1:]...); err != nil {
				return err
			}
			_, err := s.alice.Receive(background, s.in[0])
			return err
		},
		check: func(s *scene) {
			have := texts(must(s.alice.Unread(background)))
			if slices.Sort(have); !slices.Equal(have, wantTexts(2)) {
				s.t.Errorf("unread %q", have)
			}
		},
	},
	"Ack": {
		prepare: func(s *scene) {
			s.in = conversation(s.t, s.bob, "alice", 2)
			s.events = receive(s.t, s.alice, s.in...)
		},
		do: func(s *scene) error { return s.alice.Ack(background, s.events...) },
		check: func(s *scene) {
			if n := len(must(s.alice.Unread(background))); n != 0 {
				s.t.Errorf("%d unread", n)
			}
			for _, e := range receive(s.t, s.alice, s.in[1:]...) {
				wantWhy(s.t, e, fault.Replayed)
			}
		},
	},
	"Delivered": {
		prepare: func(s *scene) { s.parcel = must(s.seal())[1] },
		do:      func(s *scene) error { return s.alice.Delivered(background, s.parcel) },
		check: func(s *scene) {
			if len(must(s.seal())) != 0 || len(pending(s.t, s.alice, sotto.ParcelMessage)) != 0 {
				s.t.Error("not delivered")
			}
			if len(pending(s.t, s.alice, sotto.ParcelEnvelope)) != 1 {
				s.t.Error("the envelope is gone, too")
			}
		},
	},
	"Trust": {
		prepare: func(s *scene) { s.in = newPerson(s.t, "carol", nil).entries },
		do:      func(s *scene) error { _, err := s.alice.Trust(background, "carol", s.in); return err },
		check: func(s *scene) {
			contacts := must(s.alice.Contacts(background))
			if len(contacts) != 3 || contacts[2].User() != "carol" || contacts[2].Root() != sum(s.in[0]) {
				s.t.Errorf("%d contacts", len(contacts))
			}
		},
	},
	"Admit": {
		prepare: func(s *scene) {
			s.record = must(device.Generate("alice", device.Classical, start)).Record().Bytes()
		},
		do: func(s *scene) error {
			err := s.alice.Admit(background, s.record)
			if errors.Is(err, fault.Misuse) { // it is pending
				return nil
			}
			return err
		},
		check: func(s *scene) {
			entries := pending(s.t, s.alice, sotto.ParcelLog)
			if len(entries) != 1 {
				s.t.Fatalf("%d entries", len(entries))
			}
			receive(s.t, s.alice, entries[0].Data)
			if n := len(devicesOf(s.t, must(s.conversation()))); n != 3 {
				s.t.Errorf("%d devices", n)
			}
		},
	},
	"Upkeep": {
		prepare: func(s *scene) {
			must(s.seal())
			s.alice.Network().Pass(over)
		},
		do: func(s *scene) error { return s.alice.Upkeep(background, true) },
		check: func(s *scene) {
			if r := must(s.alice.Report(background)); r.Key != 1 || len(r.Contacts[1].Sessions) != 1 {
				s.t.Errorf("generation %d, sessions %+v", r.Key, r.Contacts[1].Sessions)
			}
			s.reads()
		},
	},
	"Forget": {
		prepare: func(s *scene) {
			receive(s.t, s.alice, conversation(s.t, s.bob, "alice", 2)...)
			must(s.seal())
		},
		do: func(s *scene) error {
			c, err := s.conversation()
			if err != nil {
				return err
			}
			return s.alice.Forget(background, c)
		},
		check: func(s *scene) {
			if n := len(must(s.alice.Unread(background))); n != 0 {
				s.t.Errorf("%d unread", n)
			}
			for _, p := range must(s.alice.Pending(background)) {
				if p.Kind == sotto.ParcelMessage {
					s.t.Errorf("%s waits", p.Kind)
				}
			}
		},
	},
}

// newDevice are the log entry and the device-key of one more device of bob's, which alice has not seen.
func (s *scene) newDevice() [][]byte {
	s.t.Helper()
	before := copyOf(s.t, s.alice.Backend)
	tablet := s.bob.Join()
	restore(s.t, s.alice, before)
	log := must(must(s.bob.Contact(background, "bob")).Log(background))
	return [][]byte{log[len(log)-1], published(s.t, tablet)}
}
