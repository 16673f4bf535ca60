package sotto_test

import (
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/session"
)

// send-below-epoch: every change asks for a new session, made for the members and the entry of now.
func TestNothingIsSentBelowTheNewestEpoch(t *testing.T) {
	bob, c := joined(t)
	_, envelope := c.atTip("alice")
	receive(t, bob, envelope)
	sent := sealsIn(t, bob, c, "one")
	if kinds(sent)[0] != sotto.ParcelMessage {
		t.Fatal("alice's session does not serve")
	}
	for _, change := range []group.Change{
		group.SetRole("carol", group.RoleAdmin), group.SetRole("carol", group.RoleMember), group.Remove("carol"),
	} {
		receive(t, bob, c.put("alice", change)...)
		sent := sealsIn(t, bob, c, "on")
		if k := kinds(sent); len(k) != 2 || k[0] != sotto.ParcelEnvelope {
			t.Fatalf("after a change %v", k)
		}
		delivered(t, bob)
	}
	for _, p := range must(groupOf(t, bob, c).Devices(background)) {
		if p.User == "carol" {
			t.Error("carol still reads")
		}
	}
}

// A session of an epoch that is over opens what is on its way, for 48 hours, and as long as the queue was not emptied after
// that; then no more.
func TestAnOldEpochIsReadFor48Hours(t *testing.T) {
	for name, known := range map[string]bool{"of a session that was there": true, "of a session that comes late": false} {
		t.Run(name, func(t *testing.T) {
			bob, c := joined(t)
			s, envelope := c.atTip("alice")
			if known {
				receive(t, bob, envelope)
			}
			receive(t, bob, c.put("alice", group.SetRole("carol", group.RoleAdmin))...)
			backup := copyOf(t, bob.Backend)
			again := func(after time.Duration, drained bool) []sotto.Event {
				restore(t, bob, copyOf(t, backup))
				n := bob.Network()
				n.Pass(after)
				defer n.Pass(-after)
				ok(t, bob.Upkeep(background, drained))
				return receive(t, bob, envelope, c.says("alice", s, "late"))
			}
			if have := texts(again(47*time.Hour, true)); len(have) != 1 {
				t.Error("not read within 48 hours")
			}
			if have := texts(again(5*day, false)); len(have) != 1 {
				t.Error("not read though the queue was never emptied")
			}
			events := again(49*time.Hour, true)
			if have := texts(events); len(have) != 0 {
				t.Error("read after 48 hours")
			}
			wantWhy(t, events[0], fault.Expired)
		})
	}
}

// The queue must have run empty after the 48 hours, not before.
func TestAnOldEpochIsReadUntilTheQueueRanEmptyAfterIt(t *testing.T) {
	bob, c := joined(t)
	s, envelope := c.atTip("alice")
	receive(t, bob, c.put("alice", group.SetRole("carol", group.RoleAdmin))...)
	pass(t, bob, 47*time.Hour)
	bob.Network().Pass(10 * day)
	only(t, receive(t, bob, envelope, c.says("alice", s, "a long time on the way")), "a long time on the way")
	pass(t, bob, time.Hour)
	wantWhy(t, receive(t, bob, c.says("alice", s, "later still"))[0], fault.UnknownSession)
}

// old-epoch-from-removed: what a former member wrote is not taken from him, not on sessions of old either.
func TestWhoWasRemovedIsNotReadOnOldSessions(t *testing.T) {
	bob, c := joined(t)
	s, envelope := c.atTip("carol")
	alices, alicesEnvelope := c.atTip("alice")
	receive(t, bob, envelope)
	epoch := c.tip()
	receive(t, bob, c.put("alice", group.Remove("carol"))...)
	for range 2 {
		wantWhy(t, receive(t, bob, c.says("carol", s, "am I?"))[0], fault.UntrustedSigner)
		only(t, receive(t, bob, c.says("alice", s, "on carol's session")), "on carol's session")
		bob.Restart()
	}
	// Also on a session that he did not make, and that comes later; and on one that he makes now.
	_, fresh := c.sealed(c.persons["carol"].keys, epoch)
	events := receive(t, bob, alicesEnvelope, c.says("carol", alices, "and now?"), fresh)
	wantWhy(t, events[1], fault.UntrustedSigner)
	wantIn(t, bob, c)
	wantText(t, receive(t, bob, c.says("alice", alices, "read")), "read")
}

func wantText(t *testing.T, events []sotto.Event, want string) {
	t.Helper()
	only(t, events, want)
}

// What was sealed before its sender left waits for no session: it is refused, because nobody can tell when it was sealed.
func TestWhatWaitedForTheSessionOfARemovedMemberIsRefused(t *testing.T) {
	bob, c := joined(t)
	s, envelope := c.atTip("carol")
	wantWhy(t, receive(t, bob, c.says("carol", s, "waits"))[0], fault.UnknownSession)
	receive(t, bob, c.put("alice", group.Remove("carol"))...)
	events := receive(t, bob, envelope)
	wantNoText(t, events)
	if have := texts(must(bob.Unread(background))); have != nil {
		t.Errorf("unread %q", have)
	}
}

// A device that was revoked is read in no session of a group.
func TestARevokedDeviceOfAMemberIsNotReadInAGroup(t *testing.T) {
	bob, c := joined(t)
	carol := c.persons["carol"]
	tablet, entry := carol.add()
	receive(t, bob, entry)
	s, envelope := c.atTip("alice")
	receive(t, bob, envelope)
	only(t, receive(t, bob, carol.write(tablet, s, "from the tablet")), "from the tablet")
	receive(t, bob, carol.revoke(tablet))
	wantWhy(t, receive(t, bob, carol.write(tablet, s, "still the tablet"))[0], fault.RevokedDevice)
	e := receive(t, bob, c.says("alice", s, "for all"))[0]
	if e.Why != 0 || len(e.AlsoRead) != 1 || e.AlsoRead[0] != (sotto.Reader{User: "carol", Device: tablet.Record().ID()}) {
		t.Errorf("event %+v", e)
	}
	sent := sealsIn(t, bob, c, "without the tablet")
	if k := kinds(sent); len(k) != 2 {
		t.Errorf("no new session: %v", k)
	}
	for _, p := range sent {
		for _, id := range p.To {
			if id == tablet.Record().ID() {
				t.Error("it still goes to the tablet")
			}
		}
	}
}

// reset-member-as-member: a new identity under a member's name is no member, and gets nothing.
func TestWhoWasResetIsNoMember(t *testing.T) {
	bob, c := joined(t)
	again := newPerson(t, "carol", nil)
	shows(t, bob, "carol", again.entries, fault.IdentityChanged)
	adopt(t, bob, "carol")
	receive(t, bob, again.rotate(again.keys))
	s, envelope := c.atTip("alice")
	receive(t, bob, envelope)
	for range 2 {
		sent := sealsIn(t, bob, c, "without carol")
		for _, p := range sent {
			for _, id := range p.To {
				if id == again.keys.Record().ID() {
					t.Error("it goes to the new carol")
				}
			}
			if p.Kind == sotto.ParcelEnvelope {
				for _, key := range must(session.Recipients(p.Data)) {
					if key == again.keys.KeyIDs()[0] || key == c.persons["carol"].keys.KeyIDs()[0] {
						t.Error("it is sealed to a carol")
					}
				}
			}
		}
		for _, m := range must(groupOf(t, bob, c).Devices(background)) {
			if m.User == "carol" && (m.Left != fault.IdentityChanged || m.Device == again.keys.Record().ID()) {
				t.Errorf("device %+v", m)
			}
		}
		// Neither the identity from before nor the new one is read as the member.
		if e := receive(t, bob, c.says("carol", s, "from the old one"))[0]; e.Why == 0 {
			t.Error("the identity from before is read")
		}
		wantWhy(t, receive(t, bob, c.forge(again.keys, c.statementWith(again)))[0], fault.IdentityChanged)
		only(t, receive(t, bob, c.says("alice", s, "on we go")), "on we go")
		bob.Restart()
	}
	// Removed and added under the new root, she is one again.
	receive(t, bob, c.put("alice", group.Remove("carol"), group.Add("carol", again.log.Pin().Root))...)
	c.persons["carol"] = again
	sent := sealsIn(t, bob, c, "with the new carol")
	if to := sent[len(sent)-1].To; len(to) != 2 {
		t.Errorf("to %v", to)
	}
}
