package relay_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/internal/groupentry"
)

// meets lets users pin each other, and takes over what the relay has.
func meets(t testing.TB, all ...*user) {
	t.Helper()
	for _, u := range all {
		u.ownLog(t)
		for _, other := range all {
			if u == other {
				continue
			}
			log, err := u.Log(t.Context(), other.User(), 0)
			must(t, err)
			_, err = u.Trust(t.Context(), other.User(), log)
			must(t, err)
			keys, err := u.Keys(t.Context(), other.User())
			must(t, err)
			_, err = u.Receive(t.Context(), keys...)
			must(t, err)
		}
	}
}

// founds makes a group of a user's, which is at the relay, and returns its entries.
func (u *user) founds(t testing.TB, others ...*user) (g *sotto.Group, entries [][]byte) {
	t.Helper()
	var members []*sotto.Contact
	for _, other := range others {
		contact, err := u.Contact(t.Context(), other.User())
		must(t, err)
		members = append(members, contact)
	}
	g, err := u.CreateGroup(t.Context(), members...)
	must(t, err)
	entries = u.changes(t)
	for _, entry := range entries {
		must(t, u.AppendGroup(t.Context(), entry))
	}
	return g, entries
}

// changes are the entries that a user has signed and that are pending.
func (u *user) changes(t testing.TB) (entries [][]byte) {
	t.Helper()
	parcels, err := u.Pending(t.Context())
	must(t, err)
	for _, p := range parcels {
		if p.Kind == sotto.ParcelGroup {
			entries = append(entries, p.Data)
			must(t, u.Delivered(t.Context(), p))
		}
	}
	return entries
}

func TestChainTakesWhatExtendsItAndNothingElse(t *testing.T) {
	url := serve(t)
	alice, bob, carol := published(t, url, "alice"), published(t, url, "bob"), published(t, url, "carol")
	meets(t, alice, bob, carol)
	g, entries := alice.founds(t, bob)
	must(t, alice.AppendGroup(t.Context(), entries[1])) // the answer was lost: again is no error
	must(t, g.Remove(t.Context(), "bob"))
	gone := alice.changes(t)[0]
	must(t, bob.AppendGroup(t.Context(), gone)) // whoever brings it
	wantFault(t, alice.AppendGroup(t.Context(), []byte("no entry")), fault.Malformed)
	_, others := carol.founds(t, alice)
	must(t, carol.AppendGroup(t.Context(), others[0]))

	unknown := unpublished(t, url, "dave")
	_, err := unknown.CreateGroup(t.Context())
	must(t, err)
	wantFault(t, carol.AppendGroup(t.Context(), unknown.changes(t)[0]), fault.TooFarAhead) // nobody knows who signed

	got, err := bob.Client.Group(t.Context(), g.ID(), 0) // he was in it
	must(t, err)
	if len(got) != 3 || !bytes.Equal(got[0], entries[0]) || !bytes.Equal(got[2], gone) {
		t.Errorf("%d entries", len(got))
	}
	for from, want := range map[uint64]int{2: 1, 3: 0, 100: 0} {
		if got, err := alice.Client.Group(t.Context(), g.ID(), from); err != nil || len(got) != want {
			t.Errorf("from %d on: %d entries, %v", from, len(got), err)
		}
	}
}

// Who is in a group is nobody's business but the members'.
func TestChainIsForMembers(t *testing.T) {
	url := serve(t)
	alice, bob, carol := published(t, url, "alice"), published(t, url, "bob"), published(t, url, "carol")
	meets(t, alice, bob, carol)
	g, _ := alice.founds(t, bob)
	_, err := carol.Client.Group(t.Context(), g.ID(), 0)
	wantFault(t, err, fault.UntrustedSigner)
	_, err = carol.Client.Group(t.Context(), device.Hash{}, 0)
	wantFault(t, err, fault.UntrustedSigner) // the same: she does not learn which ones there are
}

// joined lets a user join a group by what its founder has sealed, and returns the group as the user has it.
func (u *user) joined(t testing.TB, founder *user, g *sotto.Group, entries [][]byte) *sotto.Group {
	t.Helper()
	_, err := u.Receive(t.Context(), append([][]byte{founder.pending(t, sotto.ParcelEnvelope)}, entries...)...)
	must(t, err)
	mine, err := u.Account.Group(t.Context(), g.ID())
	must(t, err)
	return mine
}

// Who is no member cannot end the chain with something that no member takes, and keep all of them from acting.
func TestStrangersSignNothingInAGroup(t *testing.T) {
	url := serve(t)
	alice, bob := published(t, url, "alice"), published(t, url, "bob")
	meets(t, alice, bob)
	g, _ := alice.founds(t, bob)
	must(t, g.SetRole(t.Context(), "bob", group.RoleAdmin))
	entry := alice.changes(t)[0]

	keys, err := device.Generate("mallory", device.Classical, time.Now())
	must(t, err)
	root, err := keys.Found(nil, time.Now())
	must(t, err)
	r, err := http.Post(url+"/logs/mallory", "", bytes.NewReader(root))
	must(t, err)
	must(t, r.Body.Close())
	l, err := device.Verify("mallory", [][]byte{root})
	must(t, err)
	_, err = keys.Settle(l)
	must(t, err)
	signed, err := groupentry.Parse(entry)
	must(t, err)
	signed.Entry.Seq, signed.Entry.Head = l.Pin().Seq, l.Pin().Head
	forged, err := keys.SignGroupEntry(&signed.Entry)
	must(t, err)
	wantFault(t, bob.AppendGroup(t.Context(), forged), fault.UntrustedSigner)
	must(t, alice.AppendGroup(t.Context(), entry))
}

// Two who sign on top of the same entry: one comes first.
func TestSecondEntryOfAGroupAtAPlaceIsRefused(t *testing.T) {
	url := serve(t)
	alice, bob := published(t, url, "alice"), published(t, url, "bob")
	meets(t, alice, bob)
	g, entries := alice.founds(t, bob)
	bobs := bob.joined(t, alice, g, entries)
	must(t, g.SetRole(t.Context(), "bob", group.RoleAdmin))
	must(t, bobs.Leave(t.Context()))
	first, second := alice.changes(t)[0], bob.changes(t)[0]
	must(t, alice.AppendGroup(t.Context(), first))
	wantFault(t, bob.AppendGroup(t.Context(), second), fault.LogFork)
	got, err := alice.Client.Group(t.Context(), g.ID(), 2)
	must(t, err)
	if len(got) != 1 || !bytes.Equal(got[0], first) {
		t.Errorf("%d entries at the place", len(got))
	}
}

// What a thief put at the end of a chain before the device was revoked makes room for what members sign.
func TestEntryOfARevokedDeviceMakesRoom(t *testing.T) {
	url := serve(t)
	phone, bob := published(t, url, "alice"), published(t, url, "bob")
	meets(t, phone, bob)
	g, entries := phone.founds(t, bob)
	bobs := bob.joined(t, phone, g, entries)
	laptop, admitted := phone.join(t, url)
	must(t, phone.Append(t.Context(), admitted))
	phone.ownLog(t)
	laptop.ownLog(t)

	must(t, g.SetRole(t.Context(), "bob", group.RoleAdmin))
	thiefs := phone.changes(t)[0]
	must(t, phone.AppendGroup(t.Context(), thiefs))
	_, err := laptop.Revoke(t.Context(), phone.Device())
	must(t, err)
	must(t, laptop.Append(t.Context(), laptop.pending(t, sotto.ParcelLog)))

	must(t, bobs.Leave(t.Context()))
	bobsEntry := bob.changes(t)[0]
	must(t, bob.AppendGroup(t.Context(), bobsEntry))
	got, err := bob.Client.Group(t.Context(), g.ID(), 2)
	must(t, err)
	if len(got) != 2 || !bytes.Equal(got[0], bobsEntry) || !bytes.Equal(got[1], thiefs) {
		t.Errorf("%d entries behind the second", len(got))
	}
	must(t, bob.AppendGroup(t.Context(), bobsEntry))
	wantFault(t, bob.AppendGroup(t.Context(), thiefs), fault.LogFork)
}
