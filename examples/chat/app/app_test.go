package app_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/session"
)

// What the people say.
var texts = []string{
	"Have you seen the comet?", "From the roof, at five.", "Bring me the telescope.", "It is in the cellar.",
	"My old phone is gone.", "Then only your laptop reads this.", "Write yourself a note: lenses.",
	"The club meets on Friday.",
}

// talk is a conversation of two users with three devices, the relay and all devices restarted in between.
func talk(t *testing.T, s *scene) (phone, laptop, bob *terminal) {
	phone, bob = s.create("alice"), s.create("bob")
	phone.trust("bob")
	bob.trust("alice")
	bob.say("alice", texts[0])
	phone.reads("bob: " + texts[0])
	phone.say("bob", texts[1])
	bob.reads("alice: " + texts[1])

	laptop = phone.join()
	laptop.trust("bob")
	bob.sync()
	if !happened(bob, sotto.KindDeviceAdded) {
		t.Error("bob does not see the laptop")
	}
	bob.say("alice", texts[2])
	s.restartRelay()
	for _, p := range []*terminal{phone, laptop, bob} {
		p.restart()
	}
	phone.reads("bob: " + texts[2])
	laptop.reads("bob: " + texts[2])
	laptop.say("bob", texts[3])
	bob.reads("alice: " + texts[3])
	phone.reads("alice: " + texts[3])
	return phone, laptop, bob
}

func happened(p *terminal, k sotto.Kind) bool {
	return slices.ContainsFunc(p.shown, func(e sotto.Event) bool { return e.Kind == k })
}

func TestTwoUsersWithThreeDevicesTalk(t *testing.T) {
	phone, laptop, bob := talk(t, newScene(t))
	laptop.say("alice", texts[6]) // a note
	phone.reads("alice: " + texts[6])
	bob.reads()
}

func TestRevokedDeviceReadsAndWritesNothing(t *testing.T) {
	phone, laptop, bob := talk(t, newScene(t))
	_, err := laptop.Revoke(t.Context(), phone.Device())
	must(t, err)
	laptop.sync()
	laptop.say("bob", texts[4])
	bob.reads("alice: " + texts[4])
	contact, err := bob.Contact(t.Context(), "alice")
	must(t, err)
	conversation, err := bob.Direct(t.Context(), contact)
	must(t, err)
	parcels, err := conversation.Seal(t.Context(), sotto.NewMessageID(), "text/plain", []byte(texts[5]))
	must(t, err)

	// Also one who carries everything to it by hand does not make it read, before and after it knows.
	for range 2 {
		for _, p := range parcels {
			events, err := phone.Receive(t.Context(), p.Data)
			must(t, err)
			if events[0].Why == 0 || events[0].Body != nil {
				t.Errorf("the revoked phone uses a %s: %v", p.Kind, events[0].Why)
			}
		}
		phone.reads()
	}
	wantFault(t, phone.Send(t.Context(), "bob", texts[6]), fault.RevokedDevice)
	bob.sync()
	laptop.reads("bob: " + texts[5])
}

// A contact who was not trusted yet is not heard, and nothing of his is lost.
func TestMessageWaitsUntilItsSenderIsTrusted(t *testing.T) {
	s := newScene(t)
	alice, bob := s.create("alice"), s.create("bob")
	bob.trust("alice")
	bob.say("alice", texts[0])
	alice.sync()
	waits := slices.ContainsFunc(alice.shown, func(e sotto.Event) bool {
		return e.Kind == sotto.KindSession && e.Why == fault.TooFarAhead && len(e.Needs) == 1 && e.Needs[0].LogOf == "bob"
	})
	if !waits {
		t.Error("nothing tells whose log is needed")
	}
	alice.restart()
	alice.shown = nil
	_, err := alice.Trust(t.Context(), "bob")
	must(t, err)
	alice.reads("bob: " + texts[0])
}

// The app sends the request, the other one answers, without anybody doing anything.
func TestLostEnvelopeIsAskedFor(t *testing.T) {
	s := newScene(t)
	alice, bob := s.create("alice"), s.create("bob")
	alice.trust("bob")
	bob.trust("alice")
	alice.say("bob", texts[0])
	bob.reads("alice: " + texts[0])

	contact, err := bob.Contact(t.Context(), "alice")
	must(t, err)
	alice.join() // so that a new session is due
	bob.sync()
	conversation, err := bob.Direct(t.Context(), contact)
	must(t, err)
	parcels, err := conversation.Seal(t.Context(), sotto.NewMessageID(), "text/plain", []byte(texts[1]))
	must(t, err)
	if len(parcels) != 2 {
		t.Fatalf("%d parcels", len(parcels))
	}
	must(t, bob.Delivered(t.Context(), parcels[0])) // the envelope gets lost
	bob.sync()
	alice.reads()
	bob.sync()
	alice.reads("bob: " + texts[1])
}

// Each device gets an envelope with its own part only.
func TestRelayHandsOutEnvelopesCut(t *testing.T) {
	s := newScene(t)
	talk(t, s)
	sent, got := recipients(s.seen[inRequests]), recipients(s.seen[inResponses])
	if slices.Max(sent) < 2 {
		t.Error("no envelope was for several devices")
	}
	if len(got) == 0 || slices.Max(got) != 1 {
		t.Errorf("envelopes that were handed out have recipients: %v", got)
	}
}

// recipients counts those of each envelope in HTTP messages.
func recipients(seen [][]byte) (counts []int) {
	for _, b := range seen {
		for at := range b { // an envelope ends with its body, or with its frame
			if !bytes.HasPrefix(b[at:], []byte{0xd8, 96}) { // tag 96: COSE_Encrypt
				continue
			}
			for end := len(b); end > at; end-- {
				if to, err := session.Recipients(b[at:end]); err == nil {
					counts = append(counts, len(to))
					break
				}
			}
		}
	}
	return counts
}

// A device whose queue at the relay is full gets the rest when there is room again. The others need not wait for it.
func TestFullQueueHoldsUpOneDeviceOnly(t *testing.T) {
	s := newScene(t)
	phone, laptop, bob := talk(t, s)
	must(t, s.relay.Load().Close())
	db, err := bbolt.Open(s.path, 0o600, nil)
	must(t, err)
	id := laptop.Device()
	must(t, db.Update(func(tx *bbolt.Tx) error { // one item that counts as the oldest of many
		queue, err := tx.Bucket([]byte("mail")).CreateBucketIfNotExists(id[:])
		if err == nil {
			err = queue.SetSequence(20000)
		}
		if err == nil {
			err = queue.Put(binary.BigEndian.AppendUint64(nil, 20000-9999), make([]byte, 16))
		}
		return err
	}))
	must(t, db.Close())
	s.open()
	bob.say("alice", texts[4])
	phone.reads("bob: " + texts[4])
	pending, err := bob.Pending(t.Context())
	must(t, err)
	if len(pending) != 1 || !slices.Equal(pending[0].To, []device.ID{id}) {
		t.Fatalf("%d parcels are pending", len(pending))
	}
	laptop.reads()
	bob.sync()
	laptop.reads("bob: " + texts[4])
}
