package sotto_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
)

// used is the session that a peer's next message is sealed in.
func used(t *testing.T, p *sottotest.Peer, to string) session.Prefix {
	t.Helper()
	_, parcels := sealText(t, p, to, "which session?")
	return must(session.MessageSession(parcels[len(parcels)-1].Data))
}

func TestASessionIsRenewedByCount(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	first := used(t, alice, "bob")
	alice.Flush()
	bob.Sync()
	for i := range 49 { // two by two: 99 messages with the first one
		for _, p := range []*sottotest.Peer{alice, bob} {
			to := map[*sottotest.Peer]string{alice: "bob", bob: "alice"}[p]
			if now := used(t, p, to); now != first {
				t.Fatalf("renewed after %d messages", 1+2*i)
			}
			p.Flush()
		}
		alice.Sync()
		bob.Sync()
	}
	if used(t, alice, "bob") != first {
		t.Error("renewed after 99 messages")
	}
	if used(t, alice, "bob") == first {
		t.Error("not renewed after 100 messages")
	}
	alice.Flush()
	if n := len(bob.Sync()); n != 2 {
		t.Errorf("bob got %d messages", n)
	}
}

func TestASessionIsRenewedByAge(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	first := used(t, alice, "bob")
	alice.Flush()
	bob.Sync()
	alice.Network().Pass(7*day - time.Second)
	for _, p := range []*sottotest.Peer{alice, bob} {
		if used(t, p, map[*sottotest.Peer]string{alice: "bob", bob: "alice"}[p]) != first {
			t.Error("renewed before a week")
		}
	}
	alice.Network().Pass(time.Second)
	alice.Flush()
	bob.Flush()
	if used(t, alice, "bob") == first || used(t, bob, "alice") == first {
		t.Error("not renewed after a week")
	}
}

// Both begin one at the same time: from the next message on all use the same.
func TestSimultaneousRenewalSettlesOnOneSession(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	laptop := alice.Join()
	alice.Network().SyncAll()
	peers := map[*sottotest.Peer]string{alice: "bob", laptop: "bob", bob: "alice"}
	begun := map[session.Prefix]bool{}
	for p, to := range peers {
		begun[used(t, p, to)] = true
	}
	if len(begun) != 3 {
		t.Fatalf("%d sessions", len(begun))
	}
	for p, events := range alice.Network().SyncAll() {
		if len(texts(events)) != 2 || reasons(events) != nil {
			t.Errorf("%s got %q, %v", p, texts(events), reasons(events))
		}
	}
	settled := map[session.Prefix]bool{}
	for p, to := range peers {
		settled[used(t, p, to)] = true
	}
	if len(settled) != 1 {
		t.Errorf("%d sessions after each heard of the others'", len(settled))
	}
	for p := range settled {
		if !begun[p] {
			t.Error("one more session")
		}
	}
}

func TestASessionIsRenewedAtEveryChangeOfADevice(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	first := used(t, alice, "bob")
	alice.Network().SyncAll()
	tablet := bob.Join()
	second := used(t, alice, "bob")
	if second == first {
		t.Error("the same session after a device was added")
	}
	alice.Network().SyncAll()
	must(bob.Revoke(background, tablet.Device()))
	alice.Network().SyncAll()
	_, parcels := sealText(t, alice, "bob", "without the tablet")
	if now := must(session.MessageSession(parcels[len(parcels)-1].Data)); now == second || now == first {
		t.Error("the same session after a device was revoked")
	}
	for _, p := range parcels {
		if slices.Contains(p.To, tablet.Device()) {
			t.Errorf("%s goes to the revoked device", p.Kind)
		}
	}
	only(t, receive(t, bob, data(parcels)...), "without the tablet")
	for _, e := range receive(t, tablet, data(parcels)...) {
		if e.Why == 0 {
			t.Errorf("the revoked device can use %+v", e)
		}
	}
}
