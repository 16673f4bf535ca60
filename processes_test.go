package sotto_test

import (
	"bytes"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"testing"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/sottotest"
)

// An app and its extension share a store: both send and receive at once, and nothing is lost or doubled.
func TestTwoProcessesSendAndReceiveAtOnce(t *testing.T) {
	const each = 8
	alice, bob := sottotest.Pair(t)
	in := conversation(t, bob, "alice", each)
	processes := []*sottotest.Peer{alice, twin(t, alice)}
	conversations := []*sotto.Conversation{alice.Conversation("bob"), processes[1].Conversation("bob")}
	got := make([]map[string]int, len(processes))
	var all sync.WaitGroup
	for i, p := range processes {
		got[i] = map[string]int{}
		all.Go(func() {
			for n := range each {
				body := fmt.Sprint(i, " sends ", n)
				if _, err := conversations[i].Seal(background, sotto.NewMessageID(), "", []byte(body)); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for n := range in {
				events, err := p.Receive(background, in[n])
				if err != nil {
					t.Error(err)
				}
				for _, e := range events {
					if wholesome(t, e); e.Kind == sotto.KindMessage && e.Why == 0 && !e.Again {
						got[i][string(e.Body)]++
					}
				}
			}
		})
	}
	all.Wait()
	for _, text := range wantTexts(each) {
		if n := got[0][text] + got[1][text]; n != 1 {
			t.Errorf("%q was given out %d times for the first time", text, n)
		}
	}
	for _, p := range processes {
		if have := texts(must(p.Unread(background))); len(have) != each {
			t.Errorf("%d in the inbox", len(have))
		}
	}
	alice.Flush()
	have := texts(bob.Sync())
	slices.Sort(have)
	if len(have) != 2*each || len(slices.Compact(have)) != 2*each {
		t.Errorf("bob got %q", have)
	}
}

// One account serves many goroutines: they take turns at the commit.
func TestManyGoroutinesShareAnAccount(t *testing.T) {
	const each = 6
	alice, bob := sottotest.Pair(t)
	in := conversation(t, bob, "alice", each)
	c := alice.Conversation("bob")
	var all sync.WaitGroup
	var mu sync.Mutex
	fresh := map[string]int{}
	for i := range 3 {
		all.Go(func() {
			for n := range each {
				if _, err := c.Seal(background, sotto.NewMessageID(), "", fmt.Append(nil, i, " sends ", n)); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			events, err := alice.Receive(background, in...)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, e := range events {
				if wholesome(t, e); e.Kind == sotto.KindMessage && e.Why == 0 && !e.Again {
					fresh[string(e.Body)]++
				}
			}
		})
		all.Go(func() {
			for range each {
				if err := alice.Upkeep(background, false); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for _, text := range wantTexts(each) {
		if fresh[text] != 1 {
			t.Errorf("%q was given out %d times for the first time", text, fresh[text])
		}
	}
	alice.Flush()
	if n := len(texts(bob.Sync())); n != 3*each {
		t.Errorf("bob got %d messages", n)
	}
}

// Whoever is slower starts again on what the other wrote, in whatever they do.
func TestAnotherProcessMayCommitInBetween(t *testing.T) {
	for name, o := range operations {
		if name == "Settle a recovery" { // nobody writes before that
			continue
		}
		t.Run(name, func(t *testing.T) {
			s := newScene(t, o)
			b := tapped(s.alice)
			other := twin(t, s.alice)
			left := 2
			b.before = func(call string) error {
				if call != "Commit" || left == 0 {
					return nil
				}
				left--
				_, err := other.Conversation("alice").Seal(background, sotto.NewMessageID(), "", []byte("note"))
				return err
			}
			ok(t, o.do(s))
			b.before = nil
			if left > 0 {
				t.Error("nobody was in between")
			}
			o.check(s)
		})
	}
}

// Keys that one process makes open what is sealed to them in the other.
func TestKeysOfAnotherProcessAreUsed(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	other := twin(t, alice)
	sealText(t, alice, "alice", "a note, so that alice has her keys at hand")
	alice.Network().Pass(7 * day)
	ok(t, other.Upkeep(background, true))
	wantWhy(t, receive(t, bob, pending(t, alice, sotto.ParcelKey)[0].Data)[0], 0)
	only(t, receive(t, alice, conversation(t, bob, "alice", 1)...), "text 0")
}

// A log that another process has taken further does not go back.
func TestALogThatGrewInAnotherProcessDoesNotGoBack(t *testing.T) {
	alice := sottotest.NewNetwork(t).Create("alice")
	bob := newPerson(t, "bob", nil)
	must(alice.Trust(background, "bob", bob.entries))
	for range 2 {
		bob.add()
	}
	other, done := twin(t, alice), false
	b := tapped(alice)
	b.before = func(call string) error {
		if done || call != "Generation" || !bytes.Contains(debug.Stack(), []byte("store.(*DB).Update(")) {
			return nil
		}
		done = true
		_, err := other.Receive(background, bob.entries...)
		return err
	}
	events := receive(t, alice, bob.entries[1])
	b.before = nil
	if !done || len(events) != 1 || events[0].Why != 0 {
		t.Errorf("events %+v", events)
	}
	for _, p := range []*sottotest.Peer{alice, other} {
		if n := len(must(must(p.Contact(background, "bob")).Log(background))); n != 3 {
			t.Errorf("a log of %d entries", n)
		}
		if n := len(devicesOf(t, p.Conversation("bob"))); n != 4 {
			t.Errorf("%d devices", n)
		}
	}
	alice.Restart()
	sealText(t, alice, "bob", "text")
}

// A device is revoked in another process after this one began a session for it: the message does not go on that session.
func TestARevocationDuringSealCounts(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet := bob.Join()
	alice.Network().SyncAll()
	must(bob.Revoke(background, tablet.Device()))
	entry := pending(t, bob, sotto.ParcelLog)[0].Data
	other, done := twin(t, alice), false
	b := tapped(alice)
	c := alice.Conversation("bob")
	b.before = func(call string) error {
		if done || call != "Generation" || !bytes.Contains(debug.Stack(), []byte("store.(*DB).Update(")) {
			return nil
		}
		done = true
		_, err := other.Receive(background, entry)
		return err
	}
	parcels := must(c.Seal(background, sotto.NewMessageID(), "text/plain", []byte("not for the tablet")))
	b.before = nil
	if !done {
		t.Fatal("nobody was in between")
	}
	receive(t, bob, entry)
	only(t, receive(t, bob, data(parcels)...), "not for the tablet")
	for _, e := range receive(t, tablet, data(parcels)...) {
		if e.Why == 0 {
			t.Errorf("the revoked device uses %+v", e)
		}
	}
	for _, p := range parcels {
		if slices.Contains(p.To, tablet.Device()) {
			t.Errorf("%s goes to the revoked device", p.Kind)
		}
	}
}

// The entry that revokes a device comes in another process, after this one checked a message of it: it is not taken.
func TestARevocationInAnotherProcessCounts(t *testing.T) {
	alice, bob := sottotest.Pair(t)
	tablet := bob.Join()
	alice.Network().SyncAll()
	in := conversation(t, tablet, "alice", 1)
	must(bob.Revoke(background, tablet.Device()))
	entry := pending(t, bob, sotto.ParcelLog)[0].Data
	b := tapped(alice)
	other := twin(t, alice)
	done := false
	b.before = func(call string) error {
		if done || call != "Generation" || !bytes.Contains(debug.Stack(), []byte("store.(*DB).Update(")) {
			return nil
		}
		done = true
		_, err := other.Receive(background, entry)
		return err
	}
	events := receive(t, alice, in...)
	b.before = nil
	if !done {
		t.Fatal("nobody was in between")
	}
	wantWhy(t, events[0], 0)
	wantWhy(t, events[1], fault.RevokedDevice)
	if unread := texts(must(alice.Unread(background))); len(unread) != 0 {
		t.Errorf("unread %q", unread)
	}
}

// Every commit of others comes first: the operation gives up at last, says so, and has changed nothing.
func TestAStoreThatNeverComesToRestIsAConflict(t *testing.T) {
	alice, _ := sottotest.Pair(t)
	b := tapped(alice)
	other := twin(t, alice)
	c := alice.Conversation("bob")
	n := 0
	b.before = func(call string) error {
		if call != "Commit" {
			return nil
		}
		n++
		return other.Upkeep(background, false)
	}
	_, err := c.Seal(background, sotto.NewMessageID(), "", []byte("text"))
	wantFault(t, err, fault.StoreConflict)
	b.before = nil
	if n < 2 || len(must(alice.Pending(background))) != 0 {
		t.Errorf("after %d tries something was sealed", n)
	}
}

// Another goroutine may replace the keys, and wipe those that were replaced, at any point of an operation.
func TestKeysMayBeReplacedAtAnyPoint(t *testing.T) {
	for name, o := range operations {
		if name == "Upkeep" { // what it is to find is done by the other one
			continue
		}
		t.Run(name, func(t *testing.T) {
			for at, calls := 1, 1; calls >= at; at++ {
				s := newScene(t, o)
				b := tapped(s.alice)
				var other sync.WaitGroup
				calls = 0
				b.before = func(call string) error {
					if call != "Generation" {
						return nil
					}
					if calls++; calls == at {
						s.alice.Network().Pass(8 * day)
						other.Go(func() {
							if err := s.alice.Upkeep(background, false); err != nil {
								t.Error(err)
							}
						})
					}
					return nil
				}
				err := o.do(s)
				other.Wait()
				b.before = nil
				if err != nil {
					t.Fatalf("call %d: %v", at, err)
				}
				if o.check(s); t.Failed() {
					t.Fatalf("at call %d", at)
				}
			}
		})
	}
}
