package sotto_test

import (
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/safetynumber"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/trust"
)

func numberOf(t *testing.T, p *sottotest.Peer, user string) *sotto.SafetyNumber {
	t.Helper()
	return must(contact(p, user).SafetyNumber(background))
}

// Both sides, and every device of both, see the same digits, whatever changes in messaging keys.
func TestBothSidesSeeTheSameNumber(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	before := numberOf(t, alice, "bob").Digits()
	alice.Send("bob", "hello")
	alice.Network().Pass(8 * day)
	settled(t, alice) // messaging keys are renewed
	if got := numberOf(t, bob, "alice").Digits(); got != before {
		t.Errorf("bob sees %s, alice %s", got, before)
	}
	laptop, tablet := alice.Join(), bob.Join()
	settled(t, alice)
	after := numberOf(t, alice, "bob").Digits()
	if after == before {
		t.Error("the number says nothing of devices")
	}
	for _, p := range []*sottotest.Peer{alice, laptop} {
		if got := numberOf(t, p, "bob").Digits(); got != after {
			t.Errorf("%v sees %s, want %s", p, got, after)
		}
	}
	for _, p := range []*sottotest.Peer{bob, tablet} {
		if got := numberOf(t, p, "alice").Digits(); got != after {
			t.Errorf("%v sees %s, want %s", p, got, after)
		}
	}
}

// One scan tells both; each side says so for itself.
func TestAScanMatchesAndIsMarkedByEachSide(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	carol := alice.Network().Create("carol")
	carol.Meet(bob)
	bob.Meet(carol)
	alices, bobs := numberOf(t, alice, "bob"), numberOf(t, bob, "alice")
	for name, scan := range map[string]struct {
		by   *sotto.SafetyNumber
		of   *sotto.SafetyNumber
		want safetynumber.Outcome
	}{
		"bob's by alice":            {alices, bobs, safetynumber.Match},
		"alice's by bob":            {bobs, alices, safetynumber.Match},
		"the own one":               {alices, alices, safetynumber.OwnCode},
		"bob's with carol":          {alices, numberOf(t, bob, "carol"), safetynumber.Differ},
		"carol's with bob by alice": {alices, numberOf(t, carol, "bob"), safetynumber.Differ},
	} {
		if got := must(scan.by.Compare(scan.of.Scannable())); got != scan.want {
			t.Errorf("%s: %v, want %v", name, got, scan.want)
		}
	}
	ok(t, alices.MarkVerified(background))
	alice.Restart()
	wantMark(t, alice, "bob", trust.Verified)
	wantMark(t, bob, "alice", trust.Unverified)
	ok(t, numberOf(t, bob, "alice").MarkVerified(background))
	wantMark(t, bob, "alice", trust.Verified)
	var none *sotto.SafetyNumber
	wantFault(t, none.MarkVerified(background), fault.Misuse)
	wantFault(t, (&sotto.SafetyNumber{}).MarkVerified(background), fault.Misuse)
}

// A server that put a device between the two is seen: their numbers differ.
func TestTheNumberTellsOfAManInTheMiddle(t *testing.T) {
	n := sottotest.NewNetwork(t)
	alice, bob := n.Create("alice"), n.Create("bob")
	bobs, alices := newPerson(t, "bob", nil), newPerson(t, "alice", nil)
	must(alice.Trust(background, "bob", bobs.entries))
	must(bob.Trust(background, "alice", alices.entries))
	a, b := numberOf(t, alice, "bob"), numberOf(t, bob, "alice")
	if a.Digits() == b.Digits() {
		t.Error("the same number")
	}
	if got := must(a.Compare(b.Scannable())); got != safetynumber.Differ {
		t.Errorf("the codes: %v", got)
	}
}

// All devices of all members of a group see one number; it changes with the devices, and with who is in.
func TestAGroupHasOneNumber(t *testing.T) {
	all := people(t, "alice", "bob", "carol")
	alice := all[0]
	g := alice.NewGroup(all[1], all[2]).ID()
	settled(t, alice)
	peers := append(all, all[1].Join())
	settled(t, alice)
	seen := map[string]bool{}
	one := func() {
		t.Helper()
		want := must(in(t, alice, g).SafetyNumber(background))
		for _, p := range peers {
			n := must(in(t, p, g).SafetyNumber(background))
			if n.Short() != want.Short() || !slices.Equal(n.Members(), want.Members()) {
				t.Errorf("%v sees %s, want %s", p, n.Short(), want.Short())
			}
		}
		if seen[want.Short()] {
			t.Error("the number of before")
		}
		seen[want.Short()] = true
	}
	one()
	peers = append(peers, all[2].Join())
	settled(t, alice)
	one()
	ok(t, in(t, alice, g).Remove(background, "carol"))
	settled(t, alice)
	peers = []*sottotest.Peer{all[0], all[1], peers[3]}
	one()
}

// The log of a member who is not known yet is missing: there is no number without him.
func TestAGroupWithoutALogHasNoNumber(t *testing.T) {
	bob, c := joined(t)
	dave := newPerson(t, "dave", nil)
	c.persons["dave"] = dave
	receive(t, bob, c.add("alice", "dave")...)
	_, err := groupOf(t, bob, c).SafetyNumber(background)
	wantFault(t, err, fault.TooFarAhead)
	wantNoSeal(t, bob, c, fault.TooFarAhead)
	found := false
	for _, n := range must(bob.Needs(background)) {
		found = found || n.LogOf == "dave"
	}
	if !found {
		t.Error("dave's log is not asked for")
	}
	trustAll(t, bob, dave)
	must(groupOf(t, bob, c).SafetyNumber(background))
	sealsIn(t, bob, c, "with dave")
}
