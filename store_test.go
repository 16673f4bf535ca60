package sotto_test

import (
	"context"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/mk/lockbox"
	"github.com/sottokit/sotto/session"
	"github.com/sottokit/sotto/sottotest"
	"github.com/sottokit/sotto/store"
)

// rewrite changes the state of a locked account behind its back.
func rewrite(t *testing.T, b store.Backend, s *lockbox.Secret, f func(tx *store.Tx) error) {
	t.Helper()
	header, _ := must2(store.Header(background, b))
	box := must(lockbox.Parse(header, []byte("sotto account")))
	root := must(box.Open(background, s))
	ok(t, must(store.Open(background, b, root, store.Schema{Version: 1})).Update(background, f))
}

// Messages name half of a session's ID. Of several sessions with the same half each is tried.
func TestAMessageFindsItsSessionAmongSeveralOfItsName(t *testing.T) {
	b, secret := store.Memory(), newSecret()
	alice := must(sotto.Create(background, b, "alice", nil, secret))
	bob := newPerson(t, "bob", nil)
	must(alice.Trust(background, "bob", bob.entries))
	parcels := must(alice.Pending(background))
	of := seen(t, parcels[0].Data, parcels[1].Data)
	first, one := bob.begin(bob.keys, of, start)
	second, two := bob.begin(bob.keys, of, start)
	must(alice.Receive(background, one, two))
	alice.Lock()
	for _, s := range []*session.Session{first, second} {
		prefix, a, b2 := s.ID().Prefix(), first.ID(), second.ID()
		rewrite(t, b, secret, func(tx *store.Tx) error {
			tx.Put(store.Name{Room: "session/prefix", Parts: [][]byte{prefix[:]}}, append(a[:], b2[:]...))
			return nil
		})
	}
	alice = must(sotto.Unlock(background, b, nil, secret))
	in := [][]byte{bob.write(bob.keys, first, "in the first"), bob.write(bob.keys, second, "in the second")}
	events := must(alice.Receive(background, in...))
	only(t, events, "in the first", "in the second")
}

// What the storage altered is damaged: nothing is guessed.
func TestAnAlteredStoreIsDamaged(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	alice.Send("bob", "text")
	bob.Sync()
	sealText(t, alice, "bob", "waits")
	noticed := 0
	for _, e := range must(alice.Backend.Scan(background, nil, nil, 1<<20)) {
		backup, notes := copyOf(t, alice.Backend), alice.Conversation("alice")
		e.Value = append(e.Value[:len(e.Value)-1:len(e.Value)-1], e.Value[len(e.Value)-1]^1)
		batch := store.Batch{Base: generation(t, alice.Backend), Put: []store.Entry{e}}
		ok(t, alice.Backend.Commit(background, batch))
		_, listing := alice.Pending(background)
		_, sealing := notes.Seal(background, sotto.NewMessageID(), "", nil)
		_, receiving := alice.Receive(background, []byte("garbage"))
		for _, err := range []error{listing, sealing, receiving} {
			if err != nil {
				wantFault(t, err, fault.Damaged)
				noticed++
			}
		}
		restore(t, alice, backup)
	}
	if noticed < 10 {
		t.Errorf("noticed %d times", noticed)
	}
}

func TestACanceledContextChangesNothing(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	in := conversation(t, bob, "alice", 1)
	c := alice.Conversation("bob")
	before := generation(t, alice.Backend)
	ctx, cancel := context.WithCancel(background)
	cancel()
	_, sealing := c.Seal(ctx, sotto.NewMessageID(), "", nil)
	_, receiving := alice.Receive(ctx, in...)
	_, peeking := alice.Peek(ctx, in...)
	_, creating := sotto.Create(ctx, store.Memory(), "alice", nil, newSecret())
	_, unlocking := sotto.Unlock(ctx, alice.Backend, nil, newSecret())
	for name, err := range map[string]error{
		"Seal": sealing, "Receive": receiving, "Peek": peeking, "Create": creating, "Unlock": unlocking,
		"Upkeep": alice.Upkeep(ctx, true), "Ack": alice.Ack(ctx), "Delivered": alice.Delivered(ctx, sotto.Parcel{}),
	} {
		wantFaultOf(t, name, err, fault.Canceled)
	}
	if generation(t, alice.Backend) != before {
		t.Error("something was written")
	}
}

func TestADeviceRegisters(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	question := must(device.NewChallenge("server.example", "alice", start))
	answer := must(alice.Register(background, "server.example", question.Nonce))
	l := see(t, alice).log
	if r := must(question.Check(answer, l, start)); r.Record.ID() != alice.Device() {
		t.Error("another device registered")
	}
}
