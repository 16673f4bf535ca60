package directory_test

import (
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/directory"
	"github.com/sottokit/sotto/store"
)

func (h *home) accept(l *device.Log, id device.ID, key []byte) (m *device.MessagingKey, err error) {
	h.Helper()
	refused := error(nil)
	err = h.update(func(tx *store.Tx) error {
		m, refused = directory.Accept(tx, l, id, key)
		return nil // what is kept for later stays
	})
	if err != nil {
		h.Fatal(err)
	}
	return m, refused
}

// key is the one to seal to.
func (h *home) key(l *device.Log, id device.ID) (m *device.MessagingKey) {
	h.Helper()
	h.do(func(tx *store.Tx) (err error) {
		m, err = directory.Key(tx, l, id)
		return err
	})
	return m
}

func (h *home) waits(l *device.Log) (waiting, behind bool) {
	h.Helper()
	h.do(func(tx *store.Tx) error {
		waiting, behind = must(directory.Waiting(tx, l)), must(directory.Behind(tx, l))
		return nil
	})
	return waiting, behind
}

func TestTheNewestKeyOfADeviceIsKept(t *testing.T) {
	h, bob := pinned(t)
	id := bob.keys.Record().ID()
	if _, behind := h.waits(bob.log); !behind || h.key(bob.log, id) != nil {
		t.Error("a key before there is one")
	}
	first, second := bob.rotate(bob.keys), bob.rotate(bob.keys)
	clone := bob.branch()
	for _, b := range [][]byte{first, second} {
		if m, err := h.accept(bob.log, id, b); err != nil || m == nil {
			t.Fatal(err)
		}
	}
	if m, err := h.accept(bob.log, id, second); err != nil || m != nil {
		t.Errorf("the same key is new: %v", err)
	}
	_, err := h.accept(bob.log, id, first)
	wantFault(t, err, fault.Rollback)
	third := bob.rotate(bob.keys)
	if _, err := h.accept(bob.log, id, third); err != nil {
		t.Fatal(err)
	}
	_, err = h.accept(bob.log, id, clone.rotate(clone.keys))
	wantFault(t, err, fault.SenderReset)
	if m := h.key(bob.log, id); m == nil || sum(m.Bytes()) != sum(third) {
		t.Error("another key")
	}
	if waiting, behind := h.waits(bob.log); waiting || behind {
		t.Error("something is missing")
	}
}

// A key that is ahead of the log keeps everything back until the log has grown; an older one, or none, does not free it.
func TestAKeyFromAheadOfTheLogWaitsForIt(t *testing.T) {
	h, bob := pinned(t)
	id, old := bob.keys.Record().ID(), bob.log
	first := bob.rotate(bob.keys)
	must(h.accept(old, id, first))
	bob.add()
	ahead := bob.rotate(bob.keys)
	before := h.version()
	_, err := h.accept(old, id, ahead)
	wantFault(t, err, fault.TooFarAhead)
	if waiting, _ := h.waits(old); !waiting || h.version() == before {
		t.Error("nothing waits")
	}
	_, _ = h.accept(old, id, first)
	if waiting, _ := h.waits(old); !waiting {
		t.Error("an older key frees it")
	}
	c := h.grow("bob", 1, bob.entries[1])
	if len(c.Keys) != 1 || sum(c.Keys[0].Bytes()) != sum(ahead) {
		t.Errorf("change %+v", c)
	}
	if waiting, _ := h.waits(bob.log); waiting {
		t.Error("it still waits")
	}
	if m := h.key(bob.log, id); m == nil || sum(m.Bytes()) != sum(ahead) {
		t.Error("another key")
	}
}

// A message that names a newer key than the one at hand stops sealing to that one, and nothing else does.
func TestANamedGenerationStopsAnOlderKey(t *testing.T) {
	h, bob := pinned(t)
	id := bob.keys.Record().ID()
	must(h.accept(bob.log, id, bob.rotate(bob.keys)))
	note := func(gen uint64) (newer bool) {
		h.do(func(tx *store.Tx) (err error) {
			newer, err = directory.NoteGen(tx, "bob", id, gen)
			return err
		})
		return newer
	}
	if note(0) || h.key(bob.log, id) == nil {
		t.Error("the key at hand counts as older")
	}
	if !note(1) || h.key(bob.log, id) != nil {
		t.Error("it is still sealed to the older key")
	}
	if _, behind := h.waits(bob.log); !behind {
		t.Error("nothing is missing")
	}
	note(0)
	if h.key(bob.log, id) != nil {
		t.Error("a message from before frees it")
	}
	must(h.accept(bob.log, id, bob.rotate(bob.keys)))
	if h.key(bob.log, id) == nil {
		t.Error("the newer key does not serve")
	}
}

// Nothing is left of the keys of a device that is none any more.
func TestARevokedDeviceHasNoKey(t *testing.T) {
	h, bob := pinned(t)
	tablet := bob.add()
	h.grow("bob", 1, bob.entries[1])
	id := tablet.Record().ID()
	must(h.accept(bob.log, id, bob.rotate(tablet)))
	before := bob.log
	bob.revoke(tablet)
	h.grow("bob", 2, bob.entries[2])
	if h.key(before, id) != nil || h.key(bob.log, id) != nil {
		t.Error("a key is left")
	}
	_, err := h.accept(bob.log, id, must(tablet.Rotate(before, nil, start)))
	wantFault(t, err, fault.RevokedDevice)
}
