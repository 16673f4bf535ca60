package sotto_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/store"
)

var update = flag.Bool("update", false, "write testdata/account.json instead of reading it")

const frozenFile = "testdata/account.json"

// frozen is an account of alice's as a store holds it, and what bob sent her. Once released, it can be read for ever.
type frozen struct {
	Key     []byte // that wraps the lockbox
	Entries []store.Entry
	Unread  []byte   // a message that was received before and not acknowledged
	Message []byte   // one that was not received yet: "good"
	More    [][]byte // of each kind of input at least one
}

func (f *frozen) secret() *lockbox.Secret {
	return lockbox.Wrapped(must(cose.NewKey(cose.A256GCM, f.Key)))
}

// unlock opens a copy of the account.
func (f *frozen) unlock() *sotto.Account {
	b := store.Memory()
	if err := b.Commit(background, store.Batch{Put: f.Entries}); err != nil {
		panic(err)
	}
	o := &sotto.Options{Now: func() time.Time { return start.Add(time.Hour) }}
	return must(sotto.Unlock(background, b, o, f.secret()))
}

func readFrozen(t testing.TB) *frozen {
	t.Helper()
	if *update {
		b := must(json.Marshal(freeze(t)))
		ok(t, os.MkdirAll("testdata", 0o755))
		ok(t, os.WriteFile(frozenFile, append(b, '\n'), 0o644))
	}
	f := &frozen{}
	ok(t, json.Unmarshal(must(os.ReadFile(frozenFile)), f))
	return f
}

// freeze makes an account anew.
func freeze(t testing.TB) *frozen {
	t.Helper()
	f := &frozen{Key: bytes.Repeat([]byte{7}, 32)}
	b := store.Memory()
	o := &sotto.Options{Now: func() time.Time { return start }}
	alice := must(sotto.Create(background, b, "alice", o, f.secret()))
	bob := newPerson(t, "bob", nil)
	must(alice.Trust(background, "bob", bob.entries))
	parcels := must(alice.Pending(background))
	of := seen(t, parcels[0].Data, parcels[1].Data)
	s, envelope := bob.begin(bob.keys, of, start)
	f.Unread = bob.write(bob.keys, s, "unread")
	f.Message = bob.write(bob.keys, s, "good")
	key := bob.rotate(bob.keys)
	must(alice.Receive(background, envelope, f.Unread, key))
	contact := must(alice.Contact(background, "bob"))
	must(must(alice.Direct(background, contact)).Seal(background, sotto.NewMessageID(), "", []byte("waits")))

	other, stranger := bob.branch(), newPerson(t, "carol", nil)
	_, entry := bob.add()
	_, fork := other.add()
	ahead, envelopeAhead := bob.begin(bob.keys, of, start)
	_, foreign := stranger.begin(stranger.keys, of, start)
	f.More = [][]byte{
		envelope, key, entry, fork, bob.entries[0], newPerson(t, "bob", nil).entries[0], newPerson(t, "alice", nil).entries[0],
		bob.rotate(bob.keys), envelopeAhead, bob.write(bob.keys, ahead, "ahead"), foreign, parcels[0].Data, parcels[1].Data,
		must(session.Ask(bob.keys, s.ID().Prefix(), start)), must(session.Ask(bob.keys, ahead.ID().Prefix(), start)),
		bob.write(bob.keys, s, "more"),
	}
	f.Entries = must(b.Scan(background, nil, nil, 1<<20))
	return f
}

func TestAFrozenAccountOpens(t *testing.T) {
	f := readFrozen(t)
	alice := f.unlock()
	if have := texts(must(alice.Unread(background))); !slices.Equal(have, []string{"unread"}) {
		t.Errorf("unread %q", have)
	}
	if n := len(must(alice.Pending(background))); n != 3 { // log, key, message
		t.Errorf("%d parcels wait", n)
	}
	events := must(alice.Receive(background, f.Message, f.Unread))
	if texts := texts(events); !slices.Equal(texts, []string{"good", "unread"}) || events[0].User != "bob" || !events[1].Again {
		t.Errorf("events %+v", events)
	}
	kinds := map[sotto.Kind]int{}
	for _, e := range must(alice.Receive(background, f.More...)) {
		kinds[e.Kind]++
	}
	for _, k := range []sotto.Kind{sotto.KindMessage, sotto.KindSession, sotto.KindLog, sotto.KindKey, sotto.KindRequest} {
		if kinds[k] == 0 {
			t.Errorf("no input of kind %q", k)
		}
	}
	contact := must(alice.Contact(background, "bob"))
	_, err := must(alice.Direct(background, contact)).Seal(background, sotto.NewMessageID(), "", nil)
	if err == nil { // the fork among the inputs
		t.Error("sealed although bob's log has forked")
	}
}
