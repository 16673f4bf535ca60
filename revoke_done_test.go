package sotto_test

import (
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
)

// household is alice with a tablet that has part in everything: a conversation with bob, her notes, and a group with
// bob. With carol, whom she knows, she talked before the tablet came, and with dave never.
type household struct {
	alice, tablet, bob, carol *sottotest.Peer
	group                     device.Hash
}

func newHousehold(t *testing.T) *household {
	t.Helper()
	all := people(t, "alice", "bob", "carol", "dave")
	h := &household{alice: all[0], bob: all[1], carol: all[2]}
	h.alice.Send("carol", "before the tablet")
	settled(t, h.alice)
	h.tablet = h.alice.Join()
	settled(t, h.alice)
	h.group = h.alice.NewGroup(h.bob).ID()
	settled(t, h.alice)
	h.alice.Send("bob", "to bob")
	h.alice.Send("alice", "a note")
	h.alice.Say(h.group, "to the group")
	settled(t, h.alice)
	return h
}

// rotations are the conversations that a revocation waits for, in order, and why.
func rotations(r *sotto.Revocation) map[device.Hash]fault.Code {
	all := map[device.Hash]fault.Code{}
	for _, w := range r.Waiting {
		all[w.Conversation] = w.Why
	}
	return all
}

// list has the log entry that a peer has signed come to be: the server takes it, and the peer sees it there.
func list(t *testing.T, p *sottotest.Peer) {
	t.Helper()
	p.Flush()
	receive(t, p, p.Fetch()...)
}

// revoked is a device that is revoked by p, seen by nobody but p.
func revoked(t *testing.T, p *sottotest.Peer, id device.ID) {
	t.Helper()
	must(p.Revoke(background, id))
	list(t, p)
}

// ended is a revocation that is done.
func ended(t *testing.T, p *sottotest.Peer, id device.ID) {
	t.Helper()
	revoked(t, p, id)
	if r := must(p.Revoke(background, id)); !r.Done() {
		t.Fatalf("not done: %+v", r)
	}
}

func TestARevocationIsDoneWhenEveryConversationHasANewSession(t *testing.T) {
	h := newHousehold(t)
	bobs, notes := h.alice.Conversation("bob").ID(), h.alice.Conversation("alice").ID()
	before := map[string]session.Prefix{"bob": used(t, h.alice, "bob"), "alice": used(t, h.alice, "alice")}
	h.alice.Flush()
	for range 2 { // the second time changes nothing
		r := must(h.alice.Revoke(background, h.tablet.Device()))
		if r.Done() || r.Listed || r.Device != h.tablet.Device() {
			t.Errorf("before the log has the entry: %+v", r)
		}
		if w := rotations(r); len(w) != 3 || w[bobs] != 0 || w[notes] != 0 || w[h.group] != 0 || len(r.Waiting) != 3 {
			t.Errorf("waiting for %+v", r.Waiting)
		}
		for _, w := range r.Waiting {
			want := map[device.Hash]string{bobs: "bob", notes: "alice", h.group: ""}
			if user, known := want[w.Conversation]; !known || user != w.User {
				t.Errorf("waits for %+v", w)
			}
		}
		if n := len(pending(t, h.alice, sotto.ParcelLog)); n != 1 {
			t.Fatalf("%d entries", n)
		}
		h.alice.Restart()
	}
	list(t, h.alice)
	r := must(h.alice.Revoke(background, h.tablet.Device()))
	if !r.Done() || !r.Listed || len(r.Waiting) != 0 {
		t.Fatalf("not done: %+v", r)
	}
	envelopes := pending(t, h.alice, sotto.ParcelEnvelope)
	if len(envelopes) != 2 { // the notes have nobody else any more
		t.Errorf("%d new sessions go out", len(envelopes))
	}
	for _, e := range envelopes {
		if slices.Contains(e.To, h.tablet.Device()) {
			t.Error("a new session goes to the revoked device")
		}
	}
	for user, old := range before {
		if user != "alice" && used(t, h.alice, user) == old {
			t.Errorf("%s: sent on", user)
		}
	}
	if n := len(pending(t, h.alice, sotto.ParcelEnvelope)); n != 2 {
		t.Errorf("the next message began another session: %d", n)
	}
	generationBefore := generation(t, h.alice.Backend)
	for range 2 {
		if r := must(h.alice.Revoke(background, h.tablet.Device())); !r.Done() {
			t.Errorf("not done any more: %+v", r)
		}
		if generation(t, h.alice.Backend) != generationBefore {
			t.Error("something was written")
		}
		h.alice.Restart()
	}
	var none *sotto.Revocation
	if none.Done() || (&sotto.Revocation{}).Done() {
		t.Error("no revocation is done")
	}
}

// Everything that alice, and bob who has seen the log, seal after that is shown to the tablet, with and without the log.
func TestAfterARevocationIsDoneTheDeviceReadsNothing(t *testing.T) {
	for name, informed := range map[string]bool{"who is told": true, "who is kept in the dark": false} {
		t.Run(name, func(t *testing.T) {
			h := newHousehold(t)
			laptop := h.alice.Join()
			settled(t, h.alice)
			backup := copyOf(t, h.tablet.Backend)
			ended(t, h.alice, h.tablet.Device())
			for _, p := range []*sottotest.Peer{h.bob, laptop} {
				receive(t, p, p.Fetch()...)
			}
			sealed := map[*sottotest.Peer][][]byte{}
			say := func(p *sottotest.Peer, to ...string) {
				t.Helper()
				for _, user := range to {
					sealText(t, p, user, "after")
				}
				must(in(t, p, h.group).Seal(background, sotto.NewMessageID(), "text/plain", []byte("after")))
				for _, parcel := range must(p.Pending(background)) {
					if parcel.Kind != sotto.ParcelLog {
						sealed[p] = append(sealed[p], parcel.Data)
					}
				}
				p.Flush()
			}
			say(h.alice, "bob", "alice")
			say(laptop, "bob", "alice")
			say(h.bob, "alice", "bob")
			restore(t, h.tablet, backup)
			if informed {
				receive(t, h.tablet, must(contact(h.alice, "alice").Log(background))...)
			}
			for range 2 {
				for p, in := range sealed {
					if len(in) < 4 {
						t.Fatalf("%v sealed %d parcels", p, len(in))
					}
					for _, e := range receive(t, h.tablet, in...) {
						if e.Kind == sotto.KindMessage && e.Why == 0 || e.Kind == sotto.KindSession && e.Why == 0 {
							t.Errorf("%v: %s of %s is used", p, e.Kind, e.User)
						}
					}
				}
			}
			if have := texts(must(h.tablet.Unread(background))); slices.Contains(have, "after") {
				t.Errorf("unread %q", have)
			}
			if have := texts(h.bob.Sync()); len(have) < 4 {
				t.Errorf("bob reads %q", have)
			}
		})
	}
}

// Nothing is sealed to a blocked contact, so that conversation keeps the session that the device has, and says so.
func TestABlockedContactKeepsARevocationFromBeingDone(t *testing.T) {
	for name, block := range map[string]struct {
		do   func(t *testing.T, h *household)
		want fault.Code
	}{
		"rolled back": {func(t *testing.T, h *household) {
			h.bob.Join()
			settled(t, h.alice)
			shows(t, h.alice, "bob", must(contact(h.bob, "bob").Log(background))[:1], fault.Rollback)
		}, fault.Rollback},
		"unsigned entry": {func(t *testing.T, h *household) {
			log := must(contact(h.bob, "bob").Log(background))
			ok(t, h.bob.Admit(background, must(device.Generate("bob", device.Classical, start)).Record().Bytes()))
			bad := slices.Clone(pending(t, h.bob, sotto.ParcelLog)[0].Data)
			bad[len(bad)-1] ^= 1
			shows(t, h.alice, "bob", append(log, bad), fault.UntrustedSigner)
		}, fault.UntrustedSigner},
		"reset": {func(t *testing.T, h *household) {
			shows(t, h.alice, "bob", newPerson(t, "bob", nil).entries, fault.IdentityChanged)
		}, fault.IdentityChanged},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHousehold(t)
			block.do(t, h)
			revoked(t, h.alice, h.tablet.Device())
			bobs := h.alice.Conversation("bob").ID()
			for range 2 {
				r := must(h.alice.Revoke(background, h.tablet.Device()))
				why, waits := rotations(r)[bobs]
				if r.Done() || !r.Listed || len(r.Waiting) != 1 || !waits || why != block.want {
					t.Fatalf("revocation %+v", r)
				}
				h.alice.Restart()
			}
			acknowledge(t, h.alice, "bob")
			if r := must(h.alice.Revoke(background, h.tablet.Device())); !r.Done() {
				t.Errorf("revocation %+v", r)
			}
		})
	}
}

// Where this user is no member any more, nothing is ever sealed again.
func TestAConversationInWhichNothingIsSealedAgainIsNotWaitedFor(t *testing.T) {
	h := newHousehold(t)
	ok(t, in(t, h.alice, h.group).Transfer(background, "bob"))
	settled(t, h.alice)
	ok(t, in(t, h.bob, h.group).Remove(background, "alice"))
	settled(t, h.alice)
	r := must(h.alice.Revoke(background, h.tablet.Device()))
	if _, waits := rotations(r)[h.group]; waits {
		t.Error("a group that this user is out of is waited for")
	}
	list(t, h.alice)
	if r = must(h.alice.Revoke(background, h.tablet.Device())); !r.Done() {
		t.Errorf("revocation %+v", r)
	}
}

// Nobody who was revoked says that nobody reads along.
func TestADeviceThatRevokesItselfIsNeverDone(t *testing.T) {
	h := newHousehold(t)
	r := must(h.tablet.Revoke(background, h.tablet.Device()))
	if r.Done() || r.Listed {
		t.Errorf("at first: %+v", r)
	}
	list(t, h.tablet)
	for range 2 {
		r = must(h.tablet.Revoke(background, h.tablet.Device()))
		if r.Done() || !r.Listed || len(r.Waiting) != 3 {
			t.Errorf("revocation %+v", r)
		}
		for _, w := range r.Waiting {
			if w.Why != fault.RevokedDevice {
				t.Errorf("waits for %+v", w)
			}
		}
		h.tablet.Restart()
	}
	settled(t, h.alice)
	if r = must(h.alice.Revoke(background, h.tablet.Device())); !r.Done() {
		t.Errorf("another device of the user: %+v", r)
	}
}

func TestWhoMayRevokeWhom(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet, laptop := alice.Join(), alice.Join()
	settled(t, alice)
	for name, id := range map[string]device.ID{"a device that never was": {1}, "a device of another user": bob.Device(), "none": {}} {
		if _, err := alice.Revoke(background, id); fault.Of(err) != fault.Misuse {
			t.Errorf("%s: %v", name, err)
		}
	}
	revoked(t, alice, tablet.Device())
	receive(t, tablet, tablet.Fetch()...)
	for _, id := range []device.ID{laptop.Device(), alice.Device()} {
		r, err := tablet.Revoke(background, id)
		if wantFault(t, err, fault.RevokedDevice); r != nil {
			t.Error("a revocation beside the error")
		}
	}
	if n := len(pending(t, tablet, sotto.ParcelLog)); n != 0 {
		t.Errorf("a revoked device has signed %d entries", n)
	}
	next := must(sotto.Join(background, newTap(), "alice", contact(alice, "alice").Root(), nil, newSecret()))
	_, err := next.Revoke(background, laptop.Device())
	wantFault(t, err, fault.Misuse)
}

// A log that has forked is for people to decide about: nothing is signed on either branch.
func TestNobodyRevokesInALogThatHasForked(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	own := &person{t: t, user: "alice", keys: must(device.Generate("alice", device.Classical, start))}
	ok(t, alice.Admit(background, own.keys.Record().Bytes()))
	list(t, alice)
	own.entries = must(contact(alice, "alice").Log(background))
	own.log = must(device.Verify("alice", own.entries))
	other := own.branch()
	_, entry := own.add()
	receive(t, alice, entry)
	_, entry = other.add()
	wantWhy(t, receive(t, alice, entry)[0], fault.LogFork)
	for _, id := range []device.ID{own.keys.Record().ID(), alice.Device()} {
		_, err := alice.Revoke(background, id)
		wantFault(t, err, fault.LogFork)
	}
	ok(t, alice.Upkeep(background, true))
	if n := len(pending(t, alice, sotto.ParcelLog)); n != 0 {
		t.Errorf("%d entries", n)
	}
}
