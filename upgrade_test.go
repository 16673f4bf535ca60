package sotto_test

import (
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/sottotest"
)

// suiteOf is the suite under which the next message from one to the other arrives.
func suiteOf(t *testing.T, from, to *sottotest.Peer) device.Suite {
	t.Helper()
	from.Send(to.User(), "which suite?")
	for _, e := range to.Sync() {
		if e.Kind == sotto.KindMessage && e.Why == 0 {
			return e.Suite
		}
	}
	t.Fatal("nothing arrived")
	return 0
}

// A conversation has suite 2 as soon as all its devices have, and not before.
func TestDevicesThatAreUpgradedUseSuite2(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	if s := suiteOf(t, alice, bob); s != device.Classical {
		t.Errorf("suite %d at first", s)
	}
	for _, p := range []*sottotest.Peer{alice, bob} {
		ok(t, p.Upgrade(background))
		alice.Network().SyncAll()
		alice.Network().SyncAll()
		want := device.Classical
		if p == bob {
			want = device.Hybrid
		}
		if s := suiteOf(t, alice, bob); s != want {
			t.Errorf("suite %d after %v, want %d", s, p, want)
		}
	}
	ok(t, alice.Upgrade(background))
	if got := pending(t, alice, sotto.ParcelLog); len(got) != 0 {
		t.Errorf("a device of suite 2 signed once more: %d entries", len(got))
	}
	alice.Restart()
	bob.Restart()
	if s := suiteOf(t, bob, alice); s != device.Hybrid {
		t.Errorf("suite %d after a restart", s)
	}
}
