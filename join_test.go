package sotto_test

import (
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/store"
)

func TestADeviceJoins(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	laptop := alice.Join()
	if laptop.User() != "alice" || laptop.Device() == alice.Device() {
		t.Fatal("not another device of the same user")
	}
	bob.Sync()
	all := []*sottotest.Peer{alice, laptop, bob}
	for _, from := range all {
		to := "bob"
		if from == bob {
			to = "alice"
		}
		from.Send(to, "from "+from.String())
		for _, p := range all {
			if p != from {
				only(t, p.Sync(), "from "+from.String())
			}
		}
	}
}

func TestADeviceThatIsNotInItsLogYetSaysSo(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	root := must(alice.Contact(background, "alice")).Root()
	next := must(sotto.Join(t.Context(), store.Memory(), "alice", root, nil, newSecret()))
	contact := must(next.Trust(t.Context(), "bob", must(must(alice.Contact(background, "bob")).Log(background))))
	_, err := next.Direct(t.Context(), contact)
	wantFault(t, err, fault.Misuse)
	_, err = next.Register(t.Context(), "server", [32]byte{})
	wantFault(t, err, fault.Misuse)
	_, err = next.Revoke(t.Context(), bob.Device())
	wantFault(t, err, fault.Misuse)
	ok(t, next.Upkeep(t.Context(), true))
	_, err = next.Trust(t.Context(), "alice", must(must(alice.Contact(background, "alice")).Log(background)))
	wantFault(t, err, fault.Misuse)
}

// What a device was told of its user's identity is held against what the server shows.
func TestADeviceDoesNotJoinAnotherIdentity(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	root := must(alice.Contact(background, "alice")).Root()
	next := must(sotto.Join(t.Context(), store.Memory(), "alice", root, nil, newSecret()))
	mallory := newPerson(t, "alice", nil)
	_, entry := mallory.add()
	events := must(next.Receive(t.Context(), mallory.entries[0], entry))
	wantWhy(t, events[0], fault.IdentityChanged)
	if events[1].Why == 0 {
		t.Error("an entry of another log was taken")
	}
	ok(t, alice.Admit(background, must(next.Record(t.Context()))))
	alice.Sync()
	log := must(must(alice.Contact(background, "alice")).Log(background))
	events = must(next.Receive(t.Context(), log[1])) // the newest entry comes first
	wantWhy(t, events[0], fault.TooFarAhead)
	if n := events[0].Needs; len(n) != 1 || n[0].LogOf != "alice" || n[0].FromSeq != 0 {
		t.Errorf("needs %+v", n)
	}
	events = must(next.Receive(t.Context(), log...))
	if why := reasons(events); why != nil || len(events) != 2 {
		t.Errorf("own log: %+v", events)
	}
}
