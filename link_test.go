package sotto_test

import (
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/link"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/trust"
)

// What was written before the device was linked can be read on it, when the sessions were chosen.
func TestALinkedDeviceReadsWhatIsChosen(t *testing.T) {
	for _, c := range []link.Choice{
		{History: link.Nothing}, {History: link.Sessions}, {History: link.SessionsAndVault, Vault: []byte("vault")},
	} {
		t.Run(c.History.String(), func(t *testing.T) {
			alice, bob := sottotest.Pair(t)
			_, parcels := sealText(t, bob, "alice", "before")
			bob.Flush()
			only(t, alice.Sync(), "before")
			number := must(must(alice.Contact(background, "bob")).SafetyNumber(background))
			ok(t, number.MarkVerified(background))
			tablet := alice.Link(c)
			if c.History == link.Nothing {
				if _, err := tablet.Contact(background, "bob"); err == nil {
					t.Error("a contact out of nowhere")
				}
				tablet.Meet(bob)
			}
			events := receive(t, tablet, parcels[1].Data)
			if c.History == link.Nothing {
				if texts(events) != nil {
					t.Errorf("it reads %q", texts(events))
				}
			} else {
				only(t, events, "before")
			}
			mark := trust.Unverified
			if c.History != link.Nothing {
				mark = trust.Verified
			}
			if s := must(must(tablet.Contact(background, "bob")).Standing(background)); s.Mark != mark {
				t.Errorf("bob is %v", s.Mark)
			}
			alice.Network().SyncAll()
			bob.Send("alice", "after")
			only(t, tablet.Sync(), "after")
			only(t, alice.Sync(), "after")
			tablet.Send("bob", "from the tablet")
			only(t, bob.Sync(), "from the tablet")
		})
	}
}

var _ sotto.Kind
