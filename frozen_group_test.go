package sotto_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/group"
	"github.com/sottokit/sotto/store"
	"github.com/sottokit/sotto/trust"
)

const frozenGroupFile = "testdata/account_group.json"

func readFrozenGroup(t testing.TB) *frozen {
	t.Helper()
	if *update {
		ok(t, os.WriteFile(frozenGroupFile, append(must(json.Marshal(freezeGroup(t))), '\n'), 0o644))
	}
	f := &frozen{}
	ok(t, json.Unmarshal(must(os.ReadFile(frozenGroupFile)), f))
	return f
}

// freezeGroup makes an account of alice's anew: a group with bob, whom she has verified and made an admin. That she adds carol waits for the
// server, which takes bob's entry first.
func freezeGroup(t testing.TB) *frozen {
	t.Helper()
	f := &frozen{Key: bytes.Repeat([]byte{8}, 32)}
	o := &sotto.Options{Now: func() time.Time { return start }}
	b := store.Memory()
	alice := must(sotto.Create(background, b, "alice", o, f.secret()))
	bob := must(sotto.Create(background, store.Memory(), "bob", o, newSecret()))
	carol := newPerson(t, "carol", nil)
	send := func(from *sotto.Account, to *sotto.Account) [][]byte {
		var in [][]byte
		for _, p := range must(from.Pending(background)) {
			in = append(in, p.Data)
			ok(t, from.Delivered(background, p))
		}
		if to != nil {
			must(to.Receive(background, in...))
		}
		return in
	}
	logs := [][][]byte{send(alice, nil), send(bob, nil)}
	bobs := must(alice.Trust(background, "bob", logs[1][:1]))
	must(bob.Trust(background, "alice", logs[0][:1]))
	must(alice.Receive(background, logs[1]...))
	must(bob.Receive(background, logs[0]...))
	g := must(alice.CreateGroup(background, bobs))
	f.More = send(alice, bob)
	ok(t, g.SetRole(background, "bob", group.RoleAdmin))
	entries := send(alice, bob)
	must(alice.Receive(background, entries...))
	send(alice, bob)
	at := must(bob.Group(background, g.ID()))
	say := func(text string) []byte {
		parcels := must(at.Seal(background, sotto.NewMessageID(), "", []byte(text)))
		message := parcels[len(parcels)-1]
		ok(t, bob.Delivered(background, message))
		return message.Data
	}
	f.Unread, f.Message = say("unread"), say("good")
	must(alice.Receive(background, f.Unread))
	ok(t, must(bobs.SafetyNumber(background)).MarkVerified(background))
	ok(t, g.Add(background, must(alice.Trust(background, "carol", carol.entries))))
	dave := newPerson(t, "dave", nil)
	ok(t, at.Add(background, must(bob.Trust(background, "dave", dave.entries))))
	f.More = append(append(f.More, say("more"), carol.rotate(carol.keys)), send(bob, nil)...)
	f.Entries = must(b.Scan(background, nil, nil, 1<<20))
	return f
}

func TestAFrozenGroupOpens(t *testing.T) {
	f := readFrozenGroup(t)
	alice := f.unlock()
	groups := must(alice.Groups(background))
	if len(groups) != 1 {
		t.Fatalf("%d groups", len(groups))
	}
	g := groups[0]
	s := must(g.State(background))
	if s.Epoch != 2 || s.Status != group.Active || s.Pending != 1 || len(s.Members) != 2 || s.Members[0].Role != group.RoleOwner {
		t.Errorf("state %+v", s)
	}
	if m := must(must(alice.Contact(background, "bob")).Standing(background)).Mark; m != trust.Verified {
		t.Errorf("bob is %v", m)
	}
	unread := must(alice.Unread(background))
	if have := texts(unread); !slices.Equal(have, []string{"unread"}) {
		t.Errorf("unread %q", have)
	}
	only(t, must(alice.Receive(background, f.Message)), "good")
	must(g.Seal(background, sotto.NewMessageID(), "", []byte("still here")))
	if events := must(alice.Receive(background, f.More...)); !has(events, sotto.KindOvertaken) || !has(events, sotto.KindMembers) {
		t.Errorf("events %+v", events)
	}
	if s := must(g.State(background)); len(s.Members) != 3 || s.Pending != 0 {
		t.Errorf("after bob added dave: %+v", s)
	}
}
