package sotto_test

import (
	"slices"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/recovery"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/trust"
)

// withRecovery gives a user a recovery key.
func withRecovery(t testing.TB, p *sottotest.Peer) *recovery.Key {
	t.Helper()
	key := recovery.Generate()
	ok(t, p.SetRecovery(background, nil, key))
	p.Network().SyncAll()
	return key
}

// happened are what events tell of a user's identity.
func happened(events []sotto.Event, user string) []trust.Event {
	var all []trust.Event
	for _, e := range events {
		if e.Kind == sotto.KindIdentity && e.User == user {
			all = append(all, e.Happened)
		}
	}
	return all
}

func TestTheRecoveryKeyAloneLeadsBackIn(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet := alice.Join()
	key := withRecovery(t, alice)
	n := alice.Network()
	phone := n.Recover("alice", key)
	phone.Meet(bob)
	got := n.SyncAll()
	if have := happened(got[bob], "alice"); !slices.Equal(have, []trust.Event{trust.Recovered}) {
		t.Errorf("bob sees %v", have)
	}
	var revoked []device.ID
	for _, e := range got[bob] {
		if e.Kind == sotto.KindDeviceRevoked {
			revoked = append(revoked, e.Device)
		}
	}
	if len(revoked) != 2 || !slices.Contains(revoked, alice.Device()) || !slices.Contains(revoked, tablet.Device()) {
		t.Errorf("bob sees the end of %v", revoked)
	}
	phone.Send("bob", "it is me")
	only(t, bob.Sync(), "it is me")
	bob.Send("alice", "is it you?")
	only(t, phone.Sync(), "is it you?")
	for _, gone := range []*sottotest.Peer{alice, tablet} {
		c := must(gone.Direct(background, must(gone.Contact(background, "bob"))))
		_, err := c.Seal(background, sotto.NewMessageID(), "", []byte("no"))
		wantFault(t, err, fault.RevokedDevice)
		if texts(gone.Sync()) != nil {
			t.Error("a device that is gone still reads")
		}
	}
}

// A thief with the tablet revokes the phone and adds a device. The owner has the phone and the recovery key.
func TestOneRecoveryUndoesWhatAThiefDid(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet := alice.Join()
	key := withRecovery(t, alice)
	n := alice.Network()
	accomplice := tablet.Join()
	sealText(t, alice, "bob", "waits")
	must(tablet.Revoke(background, alice.Device()))
	tablet.Sync()
	bob.Sync()
	receive(t, alice, alice.Fetch()...)
	old := alice.Device()
	ok(t, alice.Recover(background, key, nil))
	if alice.Device() == old {
		t.Error("the same device")
	}
	got := n.SyncAll()
	only(t, got[bob], "waits")
	for _, p := range []*sottotest.Peer{tablet, accomplice} {
		c := p.Conversation("bob")
		_, err := c.Seal(background, sotto.NewMessageID(), "", []byte("no"))
		wantFault(t, err, fault.RevokedDevice)
	}
	alice.Send("bob", "back")
	only(t, bob.Sync(), "back")
	alice.Restart()
	bob.Send("alice", "good")
	only(t, alice.Sync(), "good")
}
