package sotto_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/trust"
)

// stage is an account that has pinned bob, a person with two log entries and a recovery key.
type stage struct {
	alice *sottotest.Peer
	bob   *person
	r     *recovery.Key
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{alice: sottotest.NewNetwork(t).Create("alice"), r: recovery.Generate()}
	s.bob = newPerson(t, "bob", s.r)
	s.bob.add()
	trustAll(t, s.alice, s.bob)
	return s
}

func verify(t *testing.T, p *sottotest.Peer, user string) {
	t.Helper()
	ok(t, must(contact(p, user).SafetyNumber(background)).MarkVerified(background))
}

// forgedLog has one entry more than a log, which no device of the user has signed.
func forgedLog(p *person) [][]byte {
	b := p.branch()
	_, entry := b.add()
	bad := bytes.Clone(entry)
	bad[len(bad)-1] ^= 1
	return append(slices.Clone(p.entries), bad)
}

// happenings let each of the events of docs/trust.md happen.
var happenings = map[trust.Event]func(t *testing.T, s *stage){
	trust.Grown: func(t *testing.T, s *stage) {
		_, entry := s.bob.add()
		wantWhy(t, receive(t, s.alice, entry)[0], 0)
	},
	trust.Recovered: func(t *testing.T, s *stage) {
		wantWhy(t, receive(t, s.alice, recovered(t, s.bob, s.r))[0], 0)
	},
	trust.Reset: func(t *testing.T, s *stage) {
		shows(t, s.alice, "bob", newPerson(t, "bob", nil).entries, fault.IdentityChanged)
	},
	trust.Forked: func(t *testing.T, s *stage) {
		other := s.bob.branch()
		_, here := s.bob.add()
		_, there := other.add()
		receive(t, s.alice, here)
		ok(t, s.alice.Ack(background, must(s.alice.Unread(background))...))
		wantWhy(t, receive(t, s.alice, there)[0], fault.LogFork)
	},
	trust.RolledBack: func(t *testing.T, s *stage) { shows(t, s.alice, "bob", s.bob.entries[:1], fault.Rollback) },
	trust.Unsigned:   func(t *testing.T, s *stage) { shows(t, s.alice, "bob", forgedLog(s.bob), fault.UntrustedSigner) },
	trust.Matched:    func(t *testing.T, s *stage) { verify(t, s.alice, "bob") },
	trust.Acknowledged: func(t *testing.T, s *stage) {
		acknowledge(t, s.alice, "bob")
	},
}

// marks bring bob's mark to where a test begins.
var marks = map[trust.Mark]func(t *testing.T, s *stage){
	trust.Unverified: func(*testing.T, *stage) {},
	trust.Verified:   func(t *testing.T, s *stage) { verify(t, s.alice, "bob") },
	trust.Changed:    func(t *testing.T, s *stage) { happenings[trust.RolledBack](t, s) },
	trust.WasVerified: func(t *testing.T, s *stage) {
		verify(t, s.alice, "bob")
		happenings[trust.RolledBack](t, s)
	},
}

// identityOf are the notices about a contact's identity that are not acknowledged.
func identityOf(t *testing.T, p *sottotest.Peer) (all []sotto.Event) {
	t.Helper()
	for _, e := range must(p.Unread(background)) {
		if e.Kind == sotto.KindIdentity {
			all = append(all, e)
		}
	}
	return all
}

// Every cell of docs/trust.md: the mark, what is told, and whether anything can be sealed, also after a restart.
func TestEveryMarkFollowsTheTable(t *testing.T) {
	for from, prepare := range marks {
		again := !from.MaySend() // rolled back, for which it is blocked already: that is told once
		for event, happen := range happenings {
			t.Run(from.String()+", "+event.String(), func(t *testing.T) {
				s := newStage(t)
				prepare(t, s)
				wantMark(t, s.alice, "bob", from)
				ok(t, s.alice.Ack(background, must(s.alice.Unread(background))...))
				happen(t, s)
				want, notice := from.After(event)
				for range 2 {
					wantMark(t, s.alice, "bob", want)
					told := identityOf(t, s.alice)
					switch {
					case notice == trust.None, event == trust.Grown, again && event == trust.RolledBack:
						if len(told) != 0 {
							t.Errorf("told %+v", told)
						}
					case len(told) != 1 || told[0].User != "bob" || told[0].Happened != event || (told[0].Why != 0) != (notice == trust.Blocked):
						t.Errorf("told %+v", told)
					}
					if event == trust.Grown && !has(must(s.alice.Unread(background)), sotto.KindDeviceAdded) {
						t.Error("the device is not told")
					}
					c := s.alice.Conversation("bob")
					_, err := c.Seal(background, sotto.NewMessageID(), "", []byte("text"))
					if want.MaySend() {
						ok(t, err)
					} else {
						wantFault(t, err, standing(t, s.alice, "bob").Why())
						if told != nil {
							wantFault(t, err, told[0].Why)
						}
					}
					s.alice.Restart()
				}
				ok(t, s.alice.Ack(background, must(s.alice.Unread(background))...))
				s.alice.Restart()
				if told := identityOf(t, s.alice); told != nil {
					t.Errorf("told again: %+v", told)
				}
			})
		}
	}
}

// The codes that sealing fails with say what happened.
func TestABlockedContactSaysWhy(t *testing.T) {
	for event, want := range map[trust.Event]fault.Code{
		trust.Reset: fault.IdentityChanged, trust.Forked: fault.LogFork, trust.RolledBack: fault.Rollback,
		trust.Unsigned: fault.UntrustedSigner,
	} {
		s := newStage(t)
		happenings[event](t, s)
		wantBlocked(t, s.alice, "bob", want)
		if cause := standing(t, s.alice, "bob").Cause; cause != event {
			t.Errorf("the cause is %v, want %v", cause, event)
		}
	}
}

// A decision counts once: the same again blocks again.
func TestWhatHappensAfterADecisionBlocksAgain(t *testing.T) {
	for _, event := range []trust.Event{trust.Reset, trust.RolledBack, trust.Unsigned} {
		for _, decide := range []trust.Event{trust.Acknowledged, trust.Matched} {
			s := newStage(t)
			for range 2 {
				happenings[event](t, s)
				if standing(t, s.alice, "bob").MaySend() {
					t.Errorf("%v does not block", event)
				}
				happenings[decide](t, s)
				sealText(t, s.alice, "bob", "goes on")
			}
		}
	}
}

// ack-of-older-state: what came after it was not shown.
func TestADecisionAboutAnOlderStateDoesNotCount(t *testing.T) {
	s := newStage(t)
	happenings[trust.RolledBack](t, s)
	c := contact(s.alice, "bob")
	shown := must(c.Standing(background))
	number := must(c.SafetyNumber(background))
	happenings[trust.Grown](t, s)
	_, err := c.Acknowledge(background, shown, shown.Pin)
	wantFault(t, err, fault.IdentityChanged)
	wantFault(t, number.MarkVerified(background), fault.IdentityChanged)
	shown = must(c.Standing(background))
	shown.Pin.Root[0] ^= 1
	_, err = c.Acknowledge(background, shown, shown.Pin)
	wantFault(t, err, fault.IdentityChanged)
	s.alice.Restart()
	wantMark(t, s.alice, "bob", trust.Changed)
	wantBlocked(t, s.alice, "bob", fault.Rollback)
	acknowledge(t, s.alice, "bob")
	wantMark(t, s.alice, "bob", trust.Unverified)
}

// What happened after the state was shown was not shown, though the log is the same.
func TestADecisionDoesNotCoverWhatHappenedSince(t *testing.T) {
	s := newStage(t)
	happenings[trust.RolledBack](t, s)
	c := contact(s.alice, "bob")
	shown := must(c.Standing(background))
	happenings[trust.Reset](t, s)
	if _, err := c.Acknowledge(background, shown, shown.Pin); err == nil || standing(t, s.alice, "bob").MaySend() {
		t.Error("a reset that nobody was shown is acknowledged")
	}
}

// The number of before is refused when the own log has changed since: the other side compared another one.
func TestANumberFromBeforeAnOwnDeviceDoesNotCount(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	number := must(contact(alice, "bob").SafetyNumber(background))
	alice.Join()
	wantFault(t, number.MarkVerified(background), fault.IdentityChanged)
	wantMark(t, alice, "bob", trust.Unverified)
	verify(t, alice, "bob")
	wantMark(t, alice, "bob", trust.Verified)
}

// After a fork people may choose either branch. What was decided against does not block again, whoever shows it.
func TestEitherBranchOfAForkMayBeChosen(t *testing.T) {
	for name, adopted := range map[string]bool{"the pinned one": false, "the other one": true} {
		t.Run(name, func(t *testing.T) {
			alice, held, other := forked(t, nil)
			_, err := alice.Trust(background, "bob", other.entries)
			wantFault(t, err, fault.LogFork)
			wantMark(t, alice, "bob", trust.Changed)
			winner, loser := held, other
			if adopted {
				winner, loser = other, held
				adopt(t, alice, "bob")
			} else {
				acknowledge(t, alice, "bob")
			}
			if s := standing(t, alice, "bob"); s.Pin != winner.log.Pin() || s.Other != nil || s.Mark != trust.Unverified {
				t.Errorf("standing %+v", s)
			}
			for range 2 {
				wantWhy(t, receive(t, alice, loser.entries...)[1], fault.LogFork)
				_, _ = alice.Trust(background, "bob", loser.entries)
				wantMark(t, alice, "bob", trust.Unverified)
				if s := standing(t, alice, "bob"); s.Other != nil || s.Pin != winner.log.Pin() {
					t.Errorf("offered again: %+v", s)
				}
				devices := devicesOf(t, alice.Conversation("bob"))
				for _, r := range winner.log.Active() {
					if devices[r.ID()].User != "bob" {
						t.Error("a device of the branch that was chosen is missing")
					}
				}
				if len(devices) != 1+len(winner.log.Active()) {
					t.Errorf("%d devices", len(devices))
				}
				receive(t, alice, winner.rotate(winner.keys))
				sealText(t, alice, "bob", "goes on")
				alice.Restart()
			}
			_, entry := winner.add()
			wantWhy(t, receive(t, alice, entry)[0], 0)
			_, entry = loser.add()
			receive(t, alice, entry)
			wantMark(t, alice, "bob", trust.Unverified)
		})
	}
}

// A second fork, with evidence of its own, blocks again.
func TestAnotherForkBlocksAgain(t *testing.T) {
	alice, bob := met(t)
	second, third := bob.branch(), bob.branch()
	for i, p := range []*person{bob, second, third} {
		_, entry := p.add()
		e := receive(t, alice, entry)[0]
		if i > 0 {
			wantWhy(t, e, fault.LogFork)
			wantBlocked(t, alice, "bob", fault.LogFork)
			acknowledge(t, alice, "bob")
			sealText(t, alice, "bob", "goes on")
		}
	}
}

// The own log has no mark: no server can talk this device out of it, and a fork of it stops everything.
func TestNoServerBlocksTheOwnUser(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	alice.Join()
	own := must(contact(alice, "alice").Log(background))
	shows(t, alice, "alice", own[:1], fault.Rollback)
	shows(t, alice, "alice", newPerson(t, "alice", nil).entries, fault.IdentityChanged)
	wantMark(t, alice, "alice", trust.Unverified)
	sealText(t, alice, "alice", "note")
	sealText(t, alice, "bob", "text")
	if told := identityOf(t, alice); told != nil {
		t.Errorf("told %+v", told)
	}
	_, err := contact(alice, "alice").SafetyNumber(background)
	wantFault(t, err, fault.Misuse)
}

// Nobody chooses another log for the own user than the one that this device is in.
func TestTheOwnLogIsNotReplaced(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	own := &person{t: t, user: "alice", keys: must(device.Generate("alice", device.Classical, start))}
	own.entries = must(contact(alice, "alice").Log(background))
	ok(t, alice.Admit(background, own.keys.Record().Bytes()))
	own.entries = append(own.entries, pending(t, alice, sotto.ParcelLog)[0].Data)
	receive(t, alice, own.entries[1])
	own.log = must(device.Verify("alice", own.entries))
	other := own.branch()
	receive(t, alice, own.revoke(own.keys))
	_, _ = other.add()
	shows(t, alice, "alice", other.entries, fault.LogFork)
	me := contact(alice, "alice")
	shown := must(me.Standing(background))
	if shown.Other != nil {
		_, err := me.Acknowledge(background, shown, *shown.Other)
		wantFault(t, err, fault.IdentityChanged)
	}
	_, err := me.Acknowledge(background, shown, other.log.Pin())
	wantFault(t, err, fault.IdentityChanged)
	if s := standing(t, alice, "alice"); s.Pin != own.log.Pin() {
		t.Errorf("the own log is %v", s.Pin)
	}
}

// A log that does not hold by itself is nothing to choose from, though it blocks.
func TestABrokenLogIsNotOffered(t *testing.T) {
	s := newStage(t)
	again := newPerson(t, "bob", nil)
	again.add()
	bad := bytes.Clone(again.entries[1])
	bad[len(bad)-1] ^= 1
	shows(t, s.alice, "bob", [][]byte{again.entries[0], bad}, fault.IdentityChanged)
	wantBlocked(t, s.alice, "bob", fault.IdentityChanged)
	shown := standing(t, s.alice, "bob")
	if shown.Other != nil {
		t.Error("it is offered")
	}
	_, err := contact(s.alice, "bob").Acknowledge(background, shown, again.log.Pin())
	wantFault(t, err, fault.IdentityChanged)
	acknowledge(t, s.alice, "bob")
	sealText(t, s.alice, "bob", "goes on")
}

// Sessions that name a branch which people decided against close: their rosters can never be computed again.
func TestSessionsOfARefusedBranchClose(t *testing.T) {
	alice, held, other := forked(t, nil)
	sealText(t, alice, "bob", "to the branch that is held")
	s, envelope := held.begin(held.keys, see(t, alice), start)
	receive(t, alice, envelope)
	_, err := alice.Trust(background, "bob", other.entries)
	wantFault(t, err, fault.LogFork)
	adopt(t, alice, "bob")
	if open := must(alice.Report(background)).Contacts[1].Sessions; len(open) != 0 {
		t.Errorf("%d sessions are open", len(open))
	}
	if e := receive(t, alice, held.write(held.keys, s, "late"))[0]; e.Why == 0 {
		t.Error("a message of it is read")
	}
	receive(t, alice, other.rotate(other.keys))
	sealText(t, alice, "bob", "goes on")
}
