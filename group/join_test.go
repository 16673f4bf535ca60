package group_test

import (
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
)

// The founder's phone, which made the group and brought bob and carol in, is gone; a new device asks who is in.
func TestWhoInvitesBringsTheFounderBack(t *testing.T) {
	w := newWorld(t, alice, bob, carol)
	c := w.create(alice)
	phone := w.people[alice].first()
	c.put(phone, group.Add(bob, w.people[bob].root()))
	c.put(phone, group.Add(carol, w.people[carol].root()))
	w.add(alice)
	w.revoke(phone)
	tip := c.tip()
	join := func(entries [][]byte, by *device.Keys, user string) *group.State {
		t.Helper()
		return must(group.Join(c.id, entries, user, by.Record().Cert(), tip, w.snapshot()))
	}
	if s := must(group.Verify(c.id, c.entries, w.snapshot())); s.Tip() == tip {
		t.Fatal("entries of a device that is gone count by themselves")
	}
	bobs := w.people[bob].first()
	s := join(c.entries, bobs, bob)
	if s.Tip() != tip || s.Status() != group.Active || len(s.Members()) != 3 || len(s.Branches()) != 0 {
		t.Errorf("tip %v, %v, %d members, branches %v", s.Tip(), s.Status(), len(s.Members()), s.Branches())
	}
	again := must(must(group.Resume(c.id, c.entries, s.Side(), s.Heard())).Extend(nil, w.snapshot()))
	if again.Tip() != tip {
		t.Error("it does not last")
	}

	// A device that was revoked itself brings nobody in.
	w.add(bob)
	w.revoke(bobs)
	if s := join(c.entries, bobs, bob); s.Tip() == tip {
		t.Error("by the word of a device that is gone, too")
	}
	_, err := group.Join(c.id, c.entries, dave, bobs.Record().Cert(), tip, w.snapshot())
	wantFault(t, err, fault.UntrustedSigner) // no member
	_, err = group.Join(c.id, c.entries, carol, bobs.Record().Cert(), tip, w.snapshot())
	wantFault(t, err, fault.UntrustedSigner) // another one's device
	_, err = group.Join(c.id, c.entries[:2], bob, bobs.Record().Cert(), tip, w.snapshot())
	wantFault(t, err, fault.TooFarAhead)
	_, err = group.Join(c.id, nil, bob, bobs.Record().Cert(), tip, w.snapshot())
	wantFault(t, err, fault.Malformed)
}
